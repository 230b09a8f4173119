"""The only code that knows which backend runs: one module each, with the same names.

`RoundStep`          the part of `MetaDistiller` that takes a round of training steps
`TrainingStep`       the part of `Distiller` that takes one training step
`COMPILES_BY_SHAPE`  whether each size of a batch is compiled for itself
`compiled`           a function compiled where each of its operations would be
`cpu_kernels`        whose kernels compute on a CPU
`inference`          a network compiled for inference
`input_gradient`     the gradient of a function of images with respect to them
`jit_compile`        whether training steps are compiled by XLA here
`keep_memory`        what a step frees is kept for the next step
`make_deterministic` the same numbers from the same seeds, bit for bit
`momentum_step`      a step of SGD with momentum on one variable
`network_gradient`   the gradient of a function that runs a network, compiled
`no_tracing_notes`   a command says nothing of functions that are traced often
`only_if`            what a function gives, computed where it is wanted
`set_seed`           what is random from here on is decided by a seed
`steps_per_execution` how many steps one call takes here unless the recipe says
`device`             the device in words, for reports
`value_and_gradients` a scalar function and its gradients, which may be differentiated again
`version`            the backend's version
"""

import importlib

__all__ = [
    "COMPILES_BY_SHAPE",
    "RoundStep",
    "TrainingStep",
    "compiled",
    "cpu_kernels",
    "device",
    "inference",
    "input_gradient",
    "jit_compile",
    "keep_memory",
    "make_deterministic",
    "momentum_step",
    "network_gradient",
    "no_tracing_notes",
    "only_if",
    "set_seed",
    "steps_per_execution",
    "value_and_gradients",
    "version",
]


def __getattr__(name):
    # The backend is imported when it is first asked for: what only reads layers loads none of it.
    if name not in __all__:
        raise AttributeError(f"module 'keras_kd.backend' has no attribute {name!r}")
    module = _module()
    globals().update({one: getattr(module, one) for one in __all__})
    return globals()[name]


def _module():
    import keras

    from keras_kd.utils.errors import UserError

    found = keras.backend.backend()
    if found not in ("tensorflow", "jax"):
        raise UserError(
            f"backend: keras runs on {found!r}; keras_kd works on tensorflow and jax: "
            "set KERAS_BACKEND or give --backend"
        )
    return importlib.import_module(f"keras_kd.backend.{found}")
