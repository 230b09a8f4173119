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
        f"On the same signals the losses of the two are within {losses:.0e} of each other. From the same weights, on the "
        f"same views in the same order, they are after two steps {min(times):.1f} to {max(times):.1f} times as far apart "
        "as PyTorch is from itself when it begins with other last digits; without weight decay on normalisation and "
        f"biases it is {min(wrong):.0f} to {max(wrong):.0f} times as far. Then whole trainings, no seed shared by the "
        "two: mean and standard deviation over n seeds a side; keras_kd minus PyTorch with its 95 % interval (Welch), "
        "and whether that holds 0."
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
        yield f"{factor * measure[side]['mean']:.{digits}f} ± {factor * (measure[side]['std'] or 0):.{digits}f}"
    apart = measure["difference"]
    low, high = (f"{factor * one:.{digits}f}" for one in apart["interval"])
    yield f"{factor * apart['mean']:+.{digits}f}, {low} to {high}: {apart['word']}"


SAYS = """
To be written.
"""
