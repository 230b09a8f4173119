"""Networks to be pruned: small graphs of every kind, a drawn one, and how far a pruned one is from the masked whole."""

import keras
import numpy as np

from keras_kd.models.pruning.shrink import masked

ops, layers = keras.ops, keras.layers

PIXELS = (8, 8, 3)


def _block(x, filters, kernel=3, activation="relu", **options):
    x = layers.Conv2D(filters, kernel, padding="same", **options)(x)
    return layers.Activation(activation)(layers.BatchNormalization()(x))


def _head(x, classes=5):
    return layers.Dense(classes, name="logits")(layers.GlobalAveragePooling2D()(x))


def _image(shape=PIXELS):
    return keras.Input(shape, name="image")


def nested():
    image, inside = _image(), keras.Input((8, 8, 12))
    inner = keras.Model(inside, layers.Add()([_block(_block(inside, 10), 12), inside]), name="inner")
    return keras.Model(image, _head(_block(inner(_block(image, 12)), 8)))


def nested_and_shared():
    inner = keras.Sequential(
        [layers.Conv2D(16, 3, padding="same", activation="relu"), layers.BatchNormalization(), layers.Conv2D(12, 1)],
        name="inner",
    )
    image = _image()
    x = _block(image, 12)
    return keras.Model(image, _head(layers.Add()([inner(inner(x)), x])))


def nested_twice():
    deep_in = keras.Input((8, 8, 8))
    deep = keras.Model(deep_in, _block(deep_in, 6), name="deep")
    inside = keras.Input((8, 8, 12))
    inner = keras.Model(inside, _block(deep(_block(inside, 8)), 10), name="inner")
    image = _image()
    return keras.Model(image, _head(inner(_block(image, 12))))


def sequential_flatten():
    return keras.Sequential(
        [
            _image(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(20, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(5),
        ]
    )


def siamese():
    one, other = keras.Input(PIXELS), keras.Input(PIXELS)
    first, second = layers.Conv2D(16, 3, activation="relu"), layers.Conv2D(12, 3)
    ends = [layers.GlobalAveragePooling2D()(second(first(image))) for image in (one, other)]
    return keras.Model([one, other], layers.Dense(3)(ops.abs(layers.Subtract()(ends))))


def two_outputs():
    image = _image()
    x = _block(_block(image, 16), 16)
    outputs = {"classes": layers.Dense(3)(layers.GlobalAveragePooling2D()(x)), "map": layers.Conv2D(2, 1)(x)}
    return keras.Model(image, outputs)


def grouped():
    image = _image()
    x = _block(image, 16)
    y = layers.Conv2D(32, 3, padding="same", groups=4, activation="relu")(layers.Conv2D(32, 1)(x))
    return keras.Model(image, _head(layers.Add()([x, layers.Conv2D(16, 1)(y)])))


def depthwise():
    image = _image()
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(_block(image, 8))
    x = layers.SeparableConv2D(12, 3, depth_multiplier=2, activation="relu")(layers.BatchNormalization()(x))
    return keras.Model(image, _head(x))


def depthwise_by_groups():
    image = _image()
    x = layers.Conv2D(16, 3, groups=8, padding="same")(_block(image, 8))
    return keras.Model(image, _head(_block(x, 12)))


def squeeze_excite():
    image = _image()
    x = _block(image, 16)
    gate = layers.Reshape((1, 1, 16))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(8, 1, activation="relu")(gate)
    gate = layers.Conv2D(16, 1, activation="sigmoid")(gate)
    return keras.Model(image, _head(_block(layers.Multiply()([x, gate]), 12)))


def gate_of_one_channel():
    image = _image()
    x = _block(image, 16)
    gate = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(image, _head(_block(x * gate, 12)))


def u_net():
    image = _image((16, 16, 3))
    first = _block(image, 8)
    second = _block(layers.MaxPooling2D()(first), 16)
    x = _block(layers.MaxPooling2D()(second), 24)
    x = layers.Conv2DTranspose(16, 2, strides=2)(x)
    x = _block(layers.Concatenate()([x, second]), 16)
    x = _block(layers.Concatenate()([layers.UpSampling2D()(x), first]), 8)
    return keras.Model(image, layers.Conv2D(2, 1)(x))


def dense_to_map():
    vector = keras.Input((10,))
    x = layers.Reshape((4, 4, 16))(layers.Dense(4 * 4 * 16, activation="relu")(vector))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(vector, layers.Conv2D(3, 3, padding="same")(x))


def channel_shuffle():
    image = _image()
    x = _block(image, 24, 1)
    x = _block(layers.Concatenate()([x, _block(x, 12)]), 24, 1, groups=3)
    x = ops.transpose(ops.reshape(x, (-1, 8, 8, 3, 8)), (0, 1, 2, 4, 3))
    x = layers.DepthwiseConv2D(3, padding="same")(ops.reshape(x, (-1, 8, 8, 24)))
    return keras.Model(image, _head(_block(x, 12, 1, groups=3)))


def split_and_joined():
    image = _image()
    one, other = ops.split(_block(image, 24), 2, axis=-1)
    deep = _block(other, 12)
    joined = layers.Concatenate()([one, layers.Add()([other, deep]), deep])
    return keras.Model(image, _head(_block(joined, 12)))


def split_and_pooled():
    """Both parts are read by the same layer: neither may be left empty."""
    image = _image()
    one, other = ops.split(_block(image, 16), [4], axis=-1)
    pooled = [layers.GlobalAveragePooling2D()(part) for part in (one, other)]
    return keras.Model(image, layers.Dense(3)(layers.Concatenate()(pooled)))


def constant_after_relu6():
    """Zero becomes a constant on the way: zero weights where a channel is made would not remove it."""
    image = _image()
    x = ops.relu6(layers.Conv2D(16, 3)(image) + 3.0) / 6.0
    x = layers.Conv2D(16, 3, activation="hard_swish")(x * 0.5 + 0.25)
    return keras.Model(image, _head(_block(ops.exp(x * 0.1), 12)))


def slopes_of_each_channel():
    image = _image()
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")(layers.Conv2D(16, 3)(image))
    return keras.Model(image, _head(_block(layers.LeakyReLU()(x), 12)))


def attention_over_branches():
    image = _image()
    one, other = _block(image, 16), _block(image, 16)
    squeezed = layers.Dense(8, activation="relu")(layers.GlobalAveragePooling2D()(layers.Add()([one, other])))
    weights = ops.softmax(ops.stack([layers.Dense(16)(squeezed), layers.Dense(16)(squeezed)], axis=1), axis=1)
    parts = [branch * ops.reshape(weights[:, n], (-1, 1, 1, 16)) for n, branch in enumerate((one, other))]
    return keras.Model(image, _head(parts[0] + parts[1]))


def text():
    words = keras.Input((12,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(16, 3, activation="relu")(layers.Embedding(50, 16)(words)))
    return keras.Model(words, layers.Dense(3)(layers.Dense(24, activation="gelu")(x)))


def any_size():
    image = _image((None, None, 3))
    x = _block(_block(image, 16), 16)
    return keras.Model(image, _head(layers.Add()([_block(x, 16), x])))


def shared_reshape():
    """One layer on two tensors: one shape is written in it."""
    image = _image()
    flat = layers.Reshape((64, 16))
    x, y = flat(_block(image, 16)), flat(_block(image, 16))
    x = layers.Concatenate()([layers.Conv1D(12, 3, activation="relu")(one) for one in (x, y)])
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling1D()(x)))


def activations_over_channels():
    image = _image()
    x = layers.Conv2D(16, 3, activation="softmax")(image)
    x = layers.Conv2D(16, 3, activation=layers.Softmax())(x)
    x = layers.Activation("log_softmax")(layers.Conv2D(8, 3)(x))
    return keras.Model(image, _head(_block(_block(x, 16), 12)))


def channels_first():
    image = _image((3, 8, 8))
    x = layers.BatchNormalization(axis=1)(layers.Conv2D(16, 1, data_format="channels_first")(image))
    x = layers.GlobalAveragePooling2D(data_format="channels_first")(layers.ReLU()(x))
    return keras.Model(image, layers.Dense(5)(x))


def partly_frozen():
    """A normalisation over channels, a slice of channels and a mean over them: what they touch stays."""
    image = _image()
    x = layers.GroupNormalization(4)(layers.Conv2D(16, 3, padding="same")(image))
    y = _block(x, 12)
    y = layers.Concatenate()([y[..., :4], _block(x, 8), ops.mean(y, axis=-1, keepdims=True)])
    return keras.Model(image, _head(_block(_block(y, 12), 12)))


def transformer():
    image = _image((16, 16, 3))
    x = layers.Reshape((16, 24))(layers.Conv2D(24, 4, strides=4)(image))
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 12)(y, y)])
    y = layers.Dense(24)(layers.Dense(48, activation="gelu")(layers.LayerNormalization()(x)))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling1D()(x)))


GRAPHS = {
    one.__name__: one
    for one in (
        nested, nested_and_shared, nested_twice, sequential_flatten, siamese, two_outputs, grouped, depthwise,
        depthwise_by_groups, squeeze_excite, gate_of_one_channel, u_net, dense_to_map, channel_shuffle,
        split_and_joined, split_and_pooled, constant_after_relu6, slopes_of_each_channel, attention_over_branches, text,
        any_size, partly_frozen, transformer, shared_reshape, activations_over_channels,
    )
}  # fmt: skip


def drawn(seed):
    """A network drawn by a seed: blocks of any kind, skips, concatenations, gates, splits, shuffles."""
    random = np.random.default_rng(seed)
    image = _image()
    x = _block(image, int(random.choice([8, 12, 16])))
    before = [x]
    for _ in range(int(random.integers(2, 6))):
        kind, filters = random.integers(11), int(random.choice([8, 12, 16, 24]))
        count = x.shape[-1]
        activation = str(random.choice(["relu", "relu6", "hard_swish", "gelu", "tanh", "sigmoid"]))
        if kind == 0:
            x = layers.Add()([x, _block(x, count, activation=activation)])
        elif kind == 1:
            x = layers.Concatenate()([x, before[int(random.integers(len(before)))]])
        elif kind == 2 and count % 4 == 0:
            x = _block(x, filters, groups=4, activation=activation)
        elif kind == 3:
            x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=int(random.integers(1, 3)))(x)
        elif kind == 4:
            gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
            gate = layers.Dense(count, activation="sigmoid")(layers.Dense(8, activation=activation)(gate))
            x = layers.Multiply()([x, gate])
        elif kind == 5 and count % 2 == 0:
            one, other = ops.split(x, 2, axis=-1)
            x = layers.Concatenate()([_block(one, 8), other])
        elif kind == 6 and count % 4 == 0:
            x = ops.transpose(ops.reshape(x, (-1, 8, 8, 4, count // 4)), (0, 1, 2, 4, 3))
            x = ops.reshape(x, (-1, 8, 8, count))
        elif kind == 7:
            x = x * layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
        elif kind == 8:
            x = x * 0.5 + 0.25
        elif kind == 9:
            x = layers.SeparableConv2D(filters, 3, padding="same", activation=activation)(x)
        else:
            x = _block(x, filters, int(random.choice([1, 3])), activation=activation)
        before.append(x)
    if random.integers(2):
        x = layers.Dense(16, activation="relu")(layers.Flatten()(layers.MaxPooling2D(4)(x)))
        return keras.Model(image, layers.Dense(5)(x))
    return keras.Model(image, _head(x))


def _layers_of(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_of(layer)
        else:
            yield layer


def enliven(model, seed=0):
    """Statistics and biases as of a trained network: without them a test may look at zeros alone."""
    random = np.random.default_rng(seed)
    normalised = any(isinstance(layer, layers.BatchNormalization) for layer in _layers_of(model))
    for layer in _layers_of(model):
        if not normalised and isinstance(layer, layers.Conv2D):
            layer.kernel.assign(layer.kernel * 2**0.5)  # as He et al. draw them: what goes in is not lost on its way
        if isinstance(layer, layers.BatchNormalization):
            count = layer.moving_mean.shape[0]
            if layer.gamma is not None:
                layer.gamma.assign(random.uniform(0.5, 1.5, count))
            if layer.beta is not None:
                layer.beta.assign(random.normal(0, 0.3, count))
            layer.moving_mean.assign(random.normal(0, 0.3, count))
            layer.moving_variance.assign(random.uniform(0.5, 2, count))
        elif type(layer).__name__ == "LayerScale":
            layer.gamma.assign(random.uniform(0.5, 1.5, layer.gamma.shape))  # 1e-6 as it is made
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(random.normal(0, 0.2, layer.bias.shape))


def examples(model, number=4, size=8, high=1.0, seed=0):
    """What goes in: an array for each input."""
    random = np.random.default_rng(seed)

    def of(tensor):
        shape = (number, *(size if one is None else one for one in tensor.shape[1:]))
        if "int" in tensor.dtype:
            return random.integers(0, 10, shape)
        # Each example has a colour of its own: deep networks see little of noise.
        colour = random.uniform(0, 1, (number, *[1] * (len(shape) - 2), shape[-1]))
        return (random.uniform(0, high, shape) * colour).astype("float32")

    given = [of(tensor) for tensor in model.inputs]
    return given if len(given) > 1 else given[0]


def outputs(model, given):
    found = keras.tree.flatten(model(given, training=False))
    return [np.asarray(ops.convert_to_numpy(one), "float64") for one in found]


def settle_statistics(model, given):
    """Batch normalisation has the statistics of what goes in, so that no deep network runs dead or over."""
    from keras_kd.models.start import re_estimate_batch_norm

    re_estimate_batch_norm(model, [given])


def is_alive(model, given):
    """Whether what comes out depends on the example, beyond what rounding does."""
    found = outputs(model, given)
    return all(np.isfinite(one).all() and one.std(0).mean() > 1e-4 * (abs(one).mean() + 1e-9) for one in found)


def change(model, smaller, given):
    """The mean difference of a pruned network from the whole one, over the outputs' deviation: 0 proves nothing."""
    pairs = zip(outputs(smaller, given), outputs(model, given), strict=True)
    return min(float(abs(one - other).mean() / other.std()) for one, other in pairs)


def difference(plan, smaller, given):
    """The largest difference of a pruned network from the masked whole, over the deviation of its outputs."""
    whole = masked(plan._channels, plan._stays)
    pairs = zip(outputs(smaller, given), outputs(whole, given), strict=True)
    return max(float(abs(one - other).max() / other.std()) for one, other in pairs)
