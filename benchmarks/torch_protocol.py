"""The published protocol as a plain PyTorch loop, with which `against_reference.py` compares keras_kd.

The settings are those of RepDistiller (Tian et al. 2020), on which the published tables rest: images padded by 4 black
pixels, cropped and flipped; SGD with momentum 0.9 and a weight decay of 5e-4 on everything, normalisation and biases
too; the last, smaller batch kept; the rate divided by 10 after given epochs; weights of the terms as in `ROWS`.
"""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch_losses import Contrast, attention_transfer, kd, relational, similarity_preserving
from torch_networks import carry, network

PAD = 4
# Name of a row: (weight of the labels, weight of the term, its loss).
ROWS = {
    "alone": (1.0, 0.0, None),
    "kd": (0.1, 0.9, kd),
    "at": (1.0, 1000.0, attention_transfer),
    "sp": (1.0, 3000.0, similarity_preserving),
    "crd": (1.0, 0.8, Contrast),
    "rkd": (1.0, 1.0, relational),
}


class Views:
    """Crops and flips of the images, drawn as torchvision draws them: uniformly, each by itself.

    Args:
        images: uint8 (n, height, width, 3).
        scale, offset: three numbers each: pixels * scale + offset is what a network sees.
    """

    def __init__(self, images, scale, offset):
        self.side = images.shape[1]
        self.padded = np.pad(images, [(0, 0), (PAD, PAD), (PAD, PAD), (0, 0)])
        self.scale, self.offset = np.asarray(scale, "float32"), np.asarray(offset, "float32")

    def __call__(self, index, top, left, mirrored):
        """float32 tensor (batch, 3, height, width) of views of some images; all arguments int (batch,)."""
        across = np.arange(self.side)
        columns = left[:, None] + np.where(mirrored[:, None] > 0, across[::-1], across)
        rows = top[:, None] + across
        pixels = self.padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        seen = pixels.astype("float32") * self.scale + self.offset
        # Channels last in memory, as they lie in the array: a fifth faster here than the other way round.
        return torch.from_numpy(seen).permute(0, 3, 1, 2)

    def plain(self, index):
        """The images as they are."""
        middle = np.full(len(index), PAD)
        return self(index, middle, middle, np.zeros(len(index), int))


class Draws:
    """Order and views of each epoch: of a seed of its own, or those that keras_kd has of that seed.

    Args:
        seed: whole number.
        count: of images.
        ours: a set of "order" and "views": what of it keras_kd's functions decide.
    """

    def __init__(self, seed, count, ours=()):
        self.seed, self.count, self.ours = seed, count, ours
        self.generator = np.random.default_rng(seed)

    def epoch(self, number):
        """(order, top, left, mirrored), int (count,) each, the last three in that order."""
        order, most = self.generator.permutation(self.count), 2 * PAD + 1
        top, left = (self.generator.integers(0, most, self.count) for _ in range(2))
        mirrored = self.generator.integers(0, 2, self.count)
        if self.ours:
            from keras_kd.data.views.crop_flip import VIEWS, epoch_order

            order = epoch_order(self.seed, number, self.count) if "order" in self.ours else order
            if "views" in self.ours:
                family = VIEWS["crop_flip"]
                top, left, mirrored = family.decode(family.ids(self.seed, number, order))
        return order, top, left, mirrored


def begun(name, classes):
    """A network as the published code begins it: convolutions normal by their outputs, the rest PyTorch's own way."""
    model = network(name, classes)
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    return model


class Training:
    """One student of a row, with its optimizer and the sums of its losses.

    Args:
        row: a name of `ROWS`.
        settings: of `against_reference.FULL`.
        labels: int64 (n,), of the training images.
        seed: of the start.
        exchanged: what is not as published: "no decay of norms", "all negatives".
        start: weights of keras_kd's student to begin with, or None.
    """

    def __init__(self, row, settings, labels, seed, exchanged=(), start=None):
        torch.manual_seed(seed)
        self.row, (self.label_weight, self.weight, self.term) = row, ROWS[row]
        self.student = begun(settings["student"], settings["classes"])
        if start is not None:
            carry(start, self.student)
        self.parts = nn.ModuleList([self.student.to(memory_format=torch.channels_last)])
        if self.term is Contrast:
            self.term = Contrast(labels, settings["negatives"], seed, "all negatives" not in exchanged)
            self.parts.append(self.term)
        decayed, free = list(self.parts.parameters()), []
        if "no decay of norms" in exchanged:
            free = [one for one in decayed if one.ndim == 1]
            decayed = [one for one in decayed if one.ndim > 1]
        groups = [{"params": decayed, "weight_decay": settings["decay"]}, {"params": free, "weight_decay": 0.0}]
        self.optimizer = torch.optim.SGD(groups[: 2 if free else 1], settings["rate"], momentum=0.9)

    def begin(self, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.student.train()
        self.sums = np.zeros(3)

    def step(self, images, labels, taught, index):
        """One step; the cross-entropy, the term and their weighted sum are added up, by example."""
        said = self.student.signals(images)
        label_loss = functional.cross_entropy(said["logits"], labels)
        loss, term = self.label_weight * label_loss, None
        if self.term is not None:
            term = self.term(said, taught, *([index] if isinstance(self.term, Contrast) else []))
            loss = loss + self.weight * term
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        values = [label_loss.item(), 0.0 if term is None else term.item(), loss.item()]
        self.sums += len(labels) * np.array(values)


def train(rows, arrays, teacher, settings, seed, exchanged=(), start=None):
    """Trains a student of each row side by side, on the same batches, for which the teacher is asked once.

    What a row gets does not depend on the other rows.

    Args:
        rows: names of `ROWS`.
        arrays: {"x_train", "y_train", "x_test", "y_test", "scale", "offset"}.
        teacher: a `Network`.
        settings: of `against_reference.FULL`.
        seed: whole number.
        exchanged: see `Training`, and "order" and "views" of `Draws`.
        start: as of `Training`.

    Returns:
        {row: {"top1", "label_loss", "term_loss", "loss" of the last epoch, "history": label_loss of each}}, and the CPU
        seconds of them all.
    """
    torch.set_num_threads(1)
    clock, teacher = time.process_time(), teacher.eval().to(memory_format=torch.channels_last)
    labels = torch.from_numpy(arrays["y_train"].astype("int64"))
    views = Views(arrays["x_train"], arrays["scale"], arrays["offset"])
    draws = Draws(seed, len(labels), {"order", "views"} & set(exchanged))
    training = [Training(row, settings, labels, seed, exchanged, start) for row in rows]
    asked, history = any(one.term is not None for one in training), {row: [] for row in rows}
    for epoch in range(settings["epochs"]):
        rate = settings["rate"] * 0.1 ** sum(epoch >= drop for drop in settings["drops"])
        for one in training:
            one.begin(rate)
        order, *view = draws.epoch(epoch)
        for at in range(0, len(order), settings["batch"]):
            part = slice(at, at + settings["batch"])
            index = torch.from_numpy(order[part].astype("int64"))
            images = views(order[part], *(one[part] for one in view))
            with torch.no_grad():
                taught = teacher.signals(images) if asked else None
            for one in training:
                one.step(images, labels[index], taught, index)
        for one in training:
            history[one.row].append((one.sums / len(order)).tolist())
    found = {}
    for one in training:
        label_loss, term_loss, loss = history[one.row][-1]
        found[one.row] = {
            "top1": top1(one.student, arrays),
            "label_loss": label_loss,
            "term_loss": term_loss,
            "loss": loss,
            "history": [one_epoch[0] for one_epoch in history[one.row]],
        }
    return found, time.process_time() - clock


def logits_of(model, arrays, images):
    """float32 array (n, classes): what a network says of plain images."""
    views, model = Views(images, arrays["scale"], arrays["offset"]), model.eval()
    with torch.no_grad():
        parts = [
            model.signals(views.plain(np.arange(at, min(at + 250, len(images)))))["logits"]
            for at in range(0, len(images), 250)
        ]
    return torch.cat(parts).numpy()


def top1(model, arrays):
    """The share of test images that a network gets right."""
    return float((logits_of(model, arrays, arrays["x_test"]).argmax(1) == arrays["y_test"]).mean())
