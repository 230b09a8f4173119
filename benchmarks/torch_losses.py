"""The losses of the published protocol in PyTorch, written from the papers' formulas for `against_reference.py`.

Each takes the signals of student and teacher, as `torch_networks.Network.signals` names them, and gives the loss of the
batch. The weights with which they are added are in `torch_protocol.ROWS`.
"""

import torch
from torch import nn
from torch.nn import functional

STAGES = ("stage1", "stage2", "stage3")


def kd(student, teacher, temperature=4.0):
    """Hinton et al. 2015: T^2 KL(teacher^T || student^T), a sum over classes and a mean over the batch."""
    soft = functional.softmax(teacher["logits"] / temperature, 1)
    said = functional.log_softmax(student["logits"] / temperature, 1)
    return temperature**2 * functional.kl_div(said, soft, reduction="batchmean")


def attention_transfer(student, teacher):
    """Zagoruyko and Komodakis 2017: the maps of channel-wise energy, of unit length, for each of three stages."""

    def attention(maps):
        return functional.normalize(maps.square().mean(1).flatten(1))

    return sum((attention(student[one]) - attention(teacher[one])).square().mean() for one in STAGES)


def similarity_preserving(student, teacher):
    """Tung and Mori 2019: the inner products within the batch, each row of unit length, of the last maps."""

    def similarities(maps):
        vectors = maps.flatten(1)
        return functional.normalize(vectors @ vectors.T)

    batch = len(student["stage3"])
    return (similarities(student["stage3"]) - similarities(teacher["stage3"])).square().sum() / batch**2


def relational(student, teacher, distance_weight=25.0, angle_weight=50.0):
    """Park et al. 2019: distances over their mean and angles, smooth L1, of the pooled features."""

    def distances(vectors):
        # The root has no gradient at 0, where an example meets itself.
        square = (vectors[None] - vectors[:, None]).square().sum(2)
        found = square.clamp(min=1e-12).sqrt() * (1 - torch.eye(len(vectors)))
        return found / found[found > 0].mean()

    def angles(vectors):
        directions = functional.normalize(vectors[None] - vectors[:, None], dim=2)
        return directions @ directions.transpose(1, 2)

    s, t = student["pooled"], teacher["pooled"]
    distance = functional.smooth_l1_loss(distances(s), distances(t))
    return distance_weight * distance + angle_weight * functional.smooth_l1_loss(angles(s), angles(t))


class Contrast(nn.Module):
    """Tian et al. 2020: noise-contrastive estimation against a memory of the embeddings of all examples.

    Args:
        labels: int64 (examples,), of the training images.
        negatives: others that each example is told from.
        seed: of the memory's start and of the draws.
        from_other_classes: they are of other classes, none twice, as in the published runs; else of all images, drawn
            independently.
    """

    def __init__(self, labels, negatives, seed=0, from_other_classes=True, inputs=64, size=128):
        super().__init__()
        self.temperature, self.momentum = 0.07, 0.5
        self.generator = torch.Generator().manual_seed(seed)
        self.labels, self.count, self.from_other_classes = labels, negatives, from_other_classes
        self.embed_student, self.embed_teacher = nn.Linear(inputs, size), nn.Linear(inputs, size)
        limit = (3 / size) ** 0.5
        for role in ("student", "teacher"):
            self.register_buffer(
                f"{role}_memory", (2 * torch.rand(len(labels), size, generator=self.generator) - 1) * limit
            )
        self.normaliser = {}

    def draw(self, index):
        """int64 (batch, 1 + negatives): each example itself, then those that it is told from."""
        if self.from_other_classes:
            allowed = (self.labels[index][:, None] != self.labels[None]).float()
            enough = int(allowed.sum(1).min()) >= self.count
            others = torch.multinomial(allowed, self.count, replacement=not enough, generator=self.generator)
        else:
            others = torch.randint(len(self.labels), (len(index), self.count), generator=self.generator)
        return torch.cat([index[:, None], others], 1)

    def forward(self, student, teacher, index):
        return self.contrast(student, teacher, self.draw(index))

    def contrast(self, student, teacher, chosen):
        """The loss against given examples; the memory is brought up to date afterwards."""
        s = functional.normalize(self.embed_student(student["pooled"]))
        t = functional.normalize(self.embed_teacher(teacher["pooled"]))
        total = self._estimation("student", s, self.teacher_memory, chosen)
        total = total + self._estimation("teacher", t, self.student_memory, chosen)
        self.student_memory = self._remembered(self.student_memory, s, chosen[:, 0])
        self.teacher_memory = self._remembered(self.teacher_memory, t, chosen[:, 0])
        return total

    @torch.no_grad()
    def _remembered(self, memory, embedding, index):
        # In a copy: the backward pass still reads the memory as it was.
        memory = memory.clone()
        memory[index] = functional.normalize(self.momentum * memory[index] + (1 - self.momentum) * embedding)
        return memory

    def _estimation(self, role, embedding, memory, chosen):
        examples = len(memory)
        # All products and then a choice of them: the same numbers as those of the chosen rows, in less memory.
        scores = ((embedding @ memory.T).gather(1, chosen) / self.temperature).exp()
        if role not in self.normaliser:
            self.normaliser[role] = scores.mean().item() * examples
        scores = scores / self.normaliser[role]
        noise = (chosen.shape[1] - 1) / examples
        positive = (scores[:, 0] / (scores[:, 0] + noise + 1e-7)).log().sum()
        negative = (noise / (scores[:, 1:] + noise + 1e-7)).log().sum()
        return -(positive + negative) / len(embedding)
