"""Networks that share layers, weights that are no numbers, and where a NaN of the loss comes from."""

import keras
import numpy as np
import pytest

from keras_kd import DML, KD, Distiller
from keras_kd.methods import Method
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.utils.errors import NonFiniteLoss, UserError

pytestmark = pytest.mark.both_backends
layers = keras.layers
X = np.random.default_rng(0).random((64, 6)).astype("float32")
Y = np.arange(64) % 3


def network(*first):
    return keras.Sequential([keras.Input((6,)), *first, layers.Dense(3)])


@pytest.mark.parametrize(
    "shared",
    [lambda: layers.Dense(4, name="both"), lambda: layers.BatchNormalization(name="both"),
     lambda: keras.Sequential([keras.Input((6,)), layers.Dense(4, name="both")]),
     lambda: layers.Dropout(0.5, name="both")],
)  # fmt: skip
def test_networks_that_share_a_layer_are_refused_by_its_name(shared):
    layer = shared()
    one, other = network(layer), network(layer)
    with pytest.raises(UserError, match="^student and teacher share 'both': .* build the student of layers of its own"):
        Distiller(one, other, terms=[KD()])
    with pytest.raises(UserError, match="^student and peer_1 share 'both'"):
        Distiller(one, peers=[other], terms=[DML()])
    with pytest.raises(UserError, match="^teacher and peer_1 share 'both'"):
        Distiller(network(), one, peers=[other], terms=[KD(), DML()])


def test_layers_without_weights_may_be_shared():
    layer = layers.ReLU()
    Distiller(network(layer), network(layer), terms=[KD()])


def test_weights_that_are_lost_are_named_by_role_and_layer():
    lost = network(layers.Dense(4, name="gone"))
    lost.layers[0].bias.assign(np.full(4, np.inf))
    with pytest.raises(UserError, match="^teacher 'seq.*: layer 'gone' is not finite: 4 of the 4 values of its bias"):
        Distiller(network(), lost, terms=[KD()])
    with pytest.raises(UserError, match="^student 'seq.*: layer 'gone' is not finite"):
        Distiller(lost, network(), terms=[KD()])


def test_a_student_kept_in_float16_is_refused_with_the_cure(capsys):
    half = network(layers.Dense(4, dtype="float16", name="half"))
    with pytest.raises(UserError, match="keeps the weights of 'half' in float16, .* policy mixed_float16"):
        Distiller(half, network(), terms=[KD()])
    Distiller(network(), half, terms=[KD()])  # what does not train may
    Distiller(network(layers.Dense(4, dtype="mixed_float16")), network(), terms=[KD()])
    Distiller(network(layers.Dense(4, dtype="bfloat16", name="brief")), network(), terms=[KD()])
    assert "keeps the weights of 'brief' in bfloat16" in capsys.readouterr().err


class NoNumber(Method):
    roles = ("student",)
    name = "no_number"

    def loss(self, signals, labels, adapters):
        return keras.ops.sqrt(-1.0 - keras.ops.abs(signals["student"]["logits"][:, 0]))


class NoRegulariser(keras.regularizers.Regularizer):
    def __call__(self, weights):
        return keras.ops.sum(weights) * float("nan")


class Logarithm(layers.Layer):
    def call(self, x):
        return keras.ops.log(x - 1e6)


def lost(values, place):
    values = np.array(values, "float32")
    values[place] = np.nan
    return values


def said_of(student, teacher=None, terms=(), x=X, y=Y, **options):
    distiller = Distiller(student, teacher, terms=terms)
    distiller.compile("sgd")
    with pytest.raises(NonFiniteLoss) as caught:
        distiller.fit(x, y, batch_size=16, shuffle=False, verbose=0, callbacks=[StopOnNonFinite()], **options)
    return str(caught.value)


def test_a_loss_that_is_no_number_names_what_was_given():
    images = said_of(network(), network(), [KD()], x=lost(X, 20))
    assert "step 2 (from: kd, label), first in the images of the batch (number 4 of it is NaN); correct that" in images
    labels = said_of(network(), network(), [KD()], y=lost(np.eye(3)[Y], 5))
    assert "step 1 (from: label), first in the labels of the batch (number 5 of it is NaN)" in labels
    weights = said_of(network(), network(), [KD()], sample_weight=lost(np.ones(64), 40))
    assert "first in the sample weights of the batch (number 8 of it is NaN)" in weights


def test_a_loss_that_is_no_number_names_the_network_the_term_or_the_regulariser():
    teacher = said_of(network(), network(Logarithm(name="deep")), [KD()])
    assert "(from: kd), first in what the teacher 'seq" in teacher and "from its layer 'deep' on (NaN" in teacher
    assert "(from: no_number), first in no_number: the images" in said_of(network(), None, [NoNumber()])
    regularised = [keras.Input((6,)), layers.Dense(4, kernel_regularizer="l2", name="sound")]
    last = layers.Dense(3, kernel_regularizer=NoRegulariser(), name="unsound")
    said = said_of(keras.Sequential([*regularised, last]))
    assert "(from: the regularisers), first in the regulariser of 'unsound'; correct it" in said
    overflow = said_of(network(layers.Rescaling(1e38), layers.Rescaling(1e38, name="too_much")))
    assert "(from: label), first in the student's layer 'too_much'" in overflow and "lower learning_rate" in overflow
