"""The section of docs/findings.md on whether training here is that of the published protocol."""

import json
from pathlib import Path

FILE = Path(__file__).parent.parent / "benchmarks" / "results" / "against_reference.json"
NAMES = {"alone": "student alone", "kd": "KD", "at": "AT", "sp": "SP", "crd": "CRD", "rkd": "RKD"}
MEASURES = {"top1": ("test top-1", 100, 2), "label_loss": ("cross-entropy, last epoch", 1, 3)}


def protocol_section():
    """Its lines: what was done, a table of the results' file, and what it says."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    asked, same = found["settings"], found["same"]
    losses, steps = max(same["losses"].values()), same["steps"].values()
    times = [one["trained"] / one["rounding"] for one in steps]
    wrong = [one["wrong"] / one["rounding"] for one in steps]
    minutes = {side: f"{one / 60:.0f}" for side, one in found["cpu_seconds"].items()}
    yield "## Is it the published protocol?"
    yield ""
    yield (
        f"`python benchmarks/against_reference.py`; `{FILE.name}`. A PyTorch loop with RepDistiller's settings next to "
        f"keras_kd's recipes with `--set`: {asked['classes']} classes of CIFAR-100 with {asked['images_a_class']} "
        f"training and {asked['test_images_a_class']} test images each; one {asked['teacher']} "
        f"({100 * found['teacher']['top1']:.1f} %), trained here and carried over to PyTorch, where its logits are "
        f"within {same['teacher_logits']:.0e}; {asked['student']}, {asked['epochs']} epochs, batch {asked['batch']}, "
        f"SGD {asked['rate']}, a tenth of that after epoch {asked['drops'][0]}, crop and flip."
    )
    yield ""
    yield (
        f"On the same signals the losses of the two are within {losses:.0e} of each other. From the same weights, on "
        f"the same views in the same order, they are after two steps {min(times):.1f} to {max(times):.1f} times as far "
        "apart as PyTorch is from itself when it begins with other last digits; without weight decay on normalisation "
        f"and biases it is {min(wrong):.0f} to {max(wrong):.0f} times as far. Then whole trainings, no seed shared by "
        "the two: mean and standard deviation over n seeds a side; keras_kd minus PyTorch with its 95 % interval "
        "(Welch). They agree where that holds 0 and reaches no further than a twelfth of PyTorch's mean."
    )
    yield ""
    heads = " | ".join(f"{what}: PyTorch | keras_kd | difference" for what, _, _ in MEASURES.values())
    yield f"| | n | {heads} |"
    yield "|---|---|" + "---|" * 3 * len(MEASURES)
    for row, one in found["rows"].items():
        cells = [cell for name, form in MEASURES.items() for cell in _cells(one[name], *form[1:])]
        n = sorted(set(one["n"].values()), reverse=True)
        yield f"| {NAMES[row]} | {' and '.join(map(str, n))} | {' | '.join(cells)} |"
    yield ""
    yield (
        f"PyTorch {found['pytorch']['version']}, one thread a process, {minutes['reference']} and {minutes['ours']} "
        f"CPU minutes, {found['date']}."
    )
    yield ""
    yield from SAYS.strip().splitlines()


def _cells(measure, factor, digits):
    for side in ("reference", "ours"):
        std = measure[side]["std"]
        spread = "" if std is None else f" ± {factor * std:.{digits}f}"
        yield f"{factor * measure[side]['mean']:.{digits}f}{spread}"
    apart = measure["difference"]
    interval = ""
    if apart["interval"]:
        low, high = (f"{factor * one:.{digits}f}" for one in apart["interval"])
        interval = f", {low} to {high}: {apart['word']}"
    yield f"{factor * apart['mean']:+.{digits}f}{interval}"


SAYS = """
So training here is that of the published protocol, as far as this size can tell. Where both sides begin alike, two
steps leave them apart by what rounding does, or a few times that (RKD), and less than a wrong weight decay would in
every row. Whole trainings, seven seeds a side, agree in every row, in test top-1 and in the cross-entropy of the last
epoch: what could go unseen is two points of top-1 (SP, whose seeds differ most; 1.8 at most in the others) and 0.07
of the cross-entropy. No row differs, so nothing was exchanged to find a cause but two things, on seed 0. PyTorch with
keras_kd's start, order and views: in the first epoch its cross-entropy is within 0.014 of keras_kd's in every row,
and then they part further, as what rounding does grows from step to step.

What differs and is known. RepDistiller draws what CRD compares an image with from other classes, none twice; keras_kd
from all images. PyTorch drawing as keras_kd does ends with a term of 13.97 in place of 13.77 and top-1 of 34.90 in
place of 34.25, on one seed: both lie within what seeds do. PyTorch's moving variance is divided by n - 1, 2e-4 of it
here. keras_kd reads logits and pooled features of the teacher from its bank, rounded to float16.

Read it with care: both sides have the same author, who wrote PyTorch's losses from the papers' formulas and its
settings from RepDistiller's scripts; and six epochs on 5,000 images say nothing of 240 on 50,000.
"""
