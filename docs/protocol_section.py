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
    yield f"| | n | {' |  '.join(f'{what}: PyTorch | keras_kd | difference' for what, _, _ in MEASURES.values())} |"
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
So it is the published protocol, as far as this size can tell. Where both sides begin alike, they are alike to rounding
in every row; where they do not, they are compared by their seeds, and of twelve intervals one in twenty misses 0 by
chance. With few seeds these are wide: the first steps are the stronger evidence, and the intervals say that nothing
later, in the rate's fall, the last, smaller batch or the measuring, sets the two far apart.

What differs and is known: PyTorch divides the moving variance by n - 1, which is 2e-4 of it here; RepDistiller draws
what CRD compares an image with from other classes, none twice, keras_kd from all images, so that its term is a little
larger; keras_kd reads logits and pooled features of the teacher from its bank, rounded to float16. Read it with care:
the two have the same author, who wrote PyTorch's losses from the papers' formulas and its settings from RepDistiller's
scripts, and six epochs on 5,000 images say nothing of 240 on 50,000.
"""
