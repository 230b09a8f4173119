"""Batch normalisation of a training step as TensorFlow's one operation, where Keras makes a dozen of it.

The values are Keras's up to rounding; the layers stay Keras's own, in the student that is saved as well.
"""

import contextlib
import functools

import keras
import tensorflow as tf

from keras_kd.backend.keras_private import calling, flat_layers


@contextlib.contextmanager
def fused_batch_normalization(networks):
    """Has the batch normalisations of networks computed by one operation while the block runs or is traced.

    Of batches of images, over the last axis; any other kind stays as Keras has it.

    Args:
        networks: `keras.Model`s or layers.
    """
    found = {
        id(layer): layer
        for network in networks
        for layer in flat_layers(network)
        if type(layer) is keras.layers.BatchNormalization and _is_plain(layer)
    }
    with calling([(layer, functools.partial(_fused, layer)) for layer in found.values()]):
        yield


def _is_plain(layer):
    return not layer.synchronized and not getattr(layer, "renorm", False) and "call" not in layer.__dict__


def _fused(layer, keras_own):
    def call(inputs, training=None, mask=None):
        last = len(inputs.shape) - 1
        if not training or not layer.trainable or mask is not None or last != 3 or layer.axis not in (-1, last):
            return keras_own(inputs, training=training, mask=mask)
        x = tf.cast(inputs, "float32")
        channels = [x.shape[-1]]
        normal, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=layer.gamma if layer.scale else tf.ones(channels),
            offset=layer.beta if layer.center else tf.zeros(channels),
            mean=[],
            variance=[],
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operation tells the variance of the population, sum / (n - 1); Keras keeps that of the batch, sum / n.
        count = tf.cast(tf.size(x) / channels[0], "float32")
        variance *= (count - 1) / count
        kept = layer.momentum
        layer.moving_mean.assign(layer.moving_mean * kept + mean * (1 - kept))
        layer.moving_variance.assign(layer.moving_variance * kept + variance * (1 - kept))
        return tf.cast(normal, layer.compute_dtype)

    return call
