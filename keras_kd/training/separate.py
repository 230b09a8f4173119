"""Whether each network of a training is one of its own: no weights in common, and weights that can be trained."""

import keras

from keras_kd.backend.keras_private import flat_layers
from keras_kd.models.finite import refuse_lost_weights
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import listed
from keras_kd.utils.screen import print_note_once


def check_separate(networks):
    """Networks that share no variable: what trains the one would move the other.

    Args:
        networks: by role, as of `keras_kd.training.checks.networks_of`.

    Raises:
        UserError: names both roles and the layers that they share.
    """
    roles = list(networks)
    for number, role in enumerate(roles):
        own = _identities(networks[role])
        for other in roles[number + 1 :]:
            shared = own.keys() & _identities(networks[other]).keys()
            if not shared:
                continue
            layers = list(dict.fromkeys(own[one] for one in own if one in shared))
            raise UserError(
                f"{role} and {other} share {listed([repr(layer) for layer in layers])}: what is trained in the {role} "
                f"would change the {other}; build the {role} of layers of its own, for instance by "
                f"keras.models.clone_model, and copy weights by set_weights"
            )


def _identities(network):
    """{id of a variable: name of the layer that has it}, random states and moving statistics too."""
    found = {}
    for layer in reversed(flat_layers(network)):
        for variable in layer.variables:
            found.setdefault(id(variable), layer.name)
    return found


def check_weights(networks):
    """Weights that are numbers, and of those that are trained, ones that small updates change.

    Args:
        networks: as of `check_separate`.

    Raises:
        UserError: a weight is NaN or infinite, or a network that is trained keeps its weights in float16.
    """
    for role, network in networks.items():
        refuse_lost_weights(f"{role} {network.name!r}", network)
        if role == "teacher":
            continue
        for kept in ("float16", "bfloat16"):
            layers = _kept_in(network, kept)
            if not layers:
                continue
            text = (
                f"{role}: {network.name!r} keeps the weights of {listed([repr(one) for one in layers])} in {kept}, in "
                f"which small updates are lost; build it under the policy mixed_{kept} (fit.precision: mixed_{kept}), "
                "which keeps them in float32"
            )
            if kept == "float16":
                raise UserError(text)
            print_note_once(text)


def _kept_in(network, kept):
    """The names of the layers whose trainable weights are of a type."""
    found = []
    for layer in flat_layers(network):
        if not isinstance(layer, keras.Model):
            found += [layer.name] * any(one.dtype == kept for one in layer.trainable_variables)
    return list(dict.fromkeys(found))
