"""Small images, networks and recipes of which it is known what is wrong with them: for `doctor_cases.py`."""

from pathlib import Path

import numpy as np
import yaml

SCALES = {"pixels": (1.0, 0.0), "unit": (1 / 255, 0.0), "symmetric": (1 / 127.5, -1.0)}
FIT = {"epochs": 20, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01, "decay": "cosine"}
# Accuracies are enough.
BARE = {"representation": False, "train_images": 0}
KD = [{"method": "kd", "weight": 0.9, "temperature": 4}]


def digits(generator):
    """scikit-learn's digits in an order that is drawn."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = generator.permutation(len(bunch.target))
    return np.round(bunch.images * (255 / 16)).astype("uint8")[order][..., None], bunch.target[order].astype("int64")


def gratings(generator, classes, count=2000, size=12, channels=1, noise=25):
    """Stripes of an angle a class, with any phase: no mean image tells them apart."""
    labels = generator.permutation(np.arange(count) % classes)
    angle = np.pi * labels / classes
    y, x = np.mgrid[:size, :size] - size / 2
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    wave = np.cos(1.2 * along + generator.uniform(0, 2 * np.pi, (count, 1, 1)))
    pixels = 128 + 70 * wave[..., None] + generator.normal(0, noise, (count, size, size, channels))
    return np.clip(pixels, 0, 255).astype("uint8"), labels


def colours(generator, classes=6, count=1500, size=8, noise=50):
    """Noisy patches of a colour a class; two of them are each other with red and blue exchanged."""
    labels = generator.permutation(np.arange(count) % classes)
    palette = np.array([[220, 90, 40], [40, 90, 220], [200, 30, 120], [90, 200, 120], [160, 180, 60], [120, 120, 30]])
    pixels = palette[labels][:, None, None] + generator.normal(0, noise, (count, size, size, 3))
    return np.clip(pixels, 0, 255).astype("uint8"), labels


def patterns(generator, classes, count, size=8, noise=45, channels=3, share=None):
    """A pattern of pixels a class, and noise; `share`: how often each class comes."""
    labels = np.arange(count) % classes if share is None else generator.choice(classes, count, p=share)
    labels = generator.permutation(labels)
    drawn = np.random.default_rng(classes).normal(0, 40, (classes, size, size, channels))
    return np.clip(128 + drawn[labels] + generator.normal(0, noise, (count, size, size, channels)), 0, 255).astype(
        "uint8"
    ), labels


class Place:
    """A folder in which cases are made, and what they have in common, each made once.

    Args:
        folder: an empty one.
        seed: of all that is drawn.
    """

    def __init__(self, folder, seed):
        self.folder, self.seed = Path(folder), seed
        self.generator = np.random.default_rng(seed)
        self._arrays, self._models = {}, {}

    def data(self, name, images, labels):
        """Writes a data set, a third of it for testing; its path."""
        at = 2 * len(labels) // 3
        self._arrays[name] = images[:at], labels[:at]
        arrays = {"x_train": images[:at], "y_train": labels[:at], "x_test": images[at:], "y_test": labels[at:]}
        np.savez(self.folder / f"{name}.npz", **arrays)
        return f"./{name}.npz"

    def train_images(self, name):
        """The training images and labels of a data set."""
        return self._arrays[name]

    def network(self, shape, classes, channels=(16, 32), normalised=True):
        """A small untrained network."""
        import keras

        layers = [keras.Input(shape)]
        for number, filters in enumerate(channels):
            layers.append(keras.layers.Conv2D(filters, 3, padding="same", use_bias=not normalised))
            layers += [keras.layers.BatchNormalization(momentum=0.9)] if normalised else []
            layers += [keras.layers.ReLU(), *([keras.layers.MaxPooling2D()] if number == 0 else [])]
        layers += [keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(classes)]
        return keras.Sequential(layers)

    def trained(self, data, *, pixels="unit", epochs=8, images=None, labels=None, rate=0.005, reverse=False, **shape):
        """A network trained on a data set, or on other images and labels in its place."""
        import keras

        x, y = self._arrays[data]
        classes = int(y.max()) + 1
        x, y = (x if images is None else images), (y if labels is None else labels)
        keras.utils.set_random_seed(self.seed)
        model = self.network(x.shape[1:], classes, **shape)
        factor, offset = SCALES[pixels]
        x = (x[..., ::-1] if reverse else x) * factor + offset
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.optimizer.learning_rate.assign(rate)
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
        return model

    def good(self, data, **how):
        """A good teacher of a data set, trained once."""
        key = (data, str(how))
        if key not in self._models:
            self._models[key] = self.trained(data, **how)
        return self._models[key]

    def file(self, model, name):
        """Saves a network; its name for a recipe."""
        model.save(self.folder / f"{name}.keras")
        return f"./{name}.keras"

    def recipe(self, name, **fields):
        """Writes a recipe; its path."""
        usual = {"label_weight": 0.1, "terms": KD, "student": "digits_tiny", "seed": self.seed}
        fields = {**usual, "export": {"formats": []}, "bank": "live", "evidence": BARE, **fields}
        fields["fit"] = {**FIT, **fields.get("fit", {})}
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(fields))
        return path
