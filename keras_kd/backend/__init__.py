"""The only code that knows which backend runs: one module each, with the same names.

`TrainingStep`       the part of `Distiller` that takes one training step
`COMPILES_BY_SHAPE`  whether each size of a batch is compiled for itself
`cpu_kernels`        whose kernels compute on a CPU
`inference`          a network compiled for inference
`input_gradient`     the gradient of a function of images with respect to them
`jit_compile`        whether training steps are compiled by XLA here
`keep_memory`        what a step frees is kept for the next step
`make_deterministic` the same numbers from the same seeds, bit for bit
`momentum_step`      a step of SGD with momentum on one variable
`network_gradient`   the gradient of a function that runs a network, compiled
`no_tracing_notes`   a command says nothing of functions that are traced often
`set_seed`           what is random from here on is decided by a seed
`steps_per_execution` how many steps one call takes here unless the recipe says
`device`             the device in words, for reports
`value_and_gradients` a scalar function and its gradients
`version`            the backend's version
"""

import keras

from keras_kd.utils.errors import UserError

if keras.backend.backend() == "tensorflow":
    from keras_kd.backend.tensorflow import (
        COMPILES_BY_SHAPE,
        TrainingStep,
        cpu_kernels,
        device,
        inference,
        input_gradient,
        jit_compile,
        keep_memory,
        make_deterministic,
        momentum_step,
        network_gradient,
        no_tracing_notes,
        set_seed,
        steps_per_execution,
        value_and_gradients,
        version,
    )
elif keras.backend.backend() == "jax":
    from keras_kd.backend.jax import (
        COMPILES_BY_SHAPE,
        TrainingStep,
        cpu_kernels,
        device,
        inference,
        input_gradient,
        jit_compile,
        keep_memory,
        make_deterministic,
        momentum_step,
        network_gradient,
        no_tracing_notes,
        set_seed,
        steps_per_execution,
        value_and_gradients,
        version,
    )
else:
    raise UserError(
        f"backend: keras runs on {keras.backend.backend()!r}; keras_kd works on tensorflow and jax: "
        "set KERAS_BACKEND or give --backend"
    )

__all__ = [
    "COMPILES_BY_SHAPE",
    "TrainingStep",
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
    "set_seed",
    "steps_per_execution",
    "value_and_gradients",
    "version",
]
