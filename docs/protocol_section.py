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
    losses = max(same["losses"].values())
    seconds = {side: f"{one / 60:.0f}" for side, one in found["cpu_seconds"].items()}
    count = " and ".join(str(n) for n in sorted({n for one in found["rows"].values() for n in one["n"].values()}))
    yield "## Is it the published protocol?"
    yield ""
    yield (
        f"`python benchmarks/against_reference.py`; `{FILE.name}`. A PyTorch loop with RepDistiller's settings next to "
        f"keras_kd's recipes with `--set`: {asked['classes']} classes of CIFAR-100 with {asked['images_a_class']} "
        f"training and {asked['test_images_a_class']} test images each; one {asked['teacher']} "
        f"({100 * found['teacher']['top1']:.1f} %), trained here and carried over to PyTorch, where its logits are "
        f"within {same['teacher_logits']:.0e}; {asked['student']}, {asked['epochs']} epochs, batch {asked['batch']}, "
        f"SGD {asked['rate']}, a tenth of that after epoch {asked['drops'][0]}, crop and flip. On the same signals the "
        f"losses of the two are within {losses:.0e} of each other. Mean and standard deviation over {count} seeds a "
        "side, of which none is shared; keras_kd minus PyTorch with its 95 % interval (Welch)."
    )
    yield ""
    yield f"| | {' | '.join(f'{what}: PyTorch | keras_kd | difference' for what, _, _ in MEASURES.values())} |"
    yield "|---|" + "---|" * 3 * len(MEASURES)
    for row, one in found["rows"].items():
        cells = [cell for name, form in MEASURES.items() for cell in _cells(one[name], *form[1:])]
        yield f"| {NAMES[row]} | {' | '.join(cells)} |"
    yield ""
    yield (
        f"PyTorch {found['pytorch']['version']}, one thread a process, {seconds['reference']} and {seconds['ours']} "
        f"CPU minutes, {found['date']}."
    )
    yield ""
    yield from SAYS.strip().splitlines()


def _cells(measure, factor, digits):
    for side in ("reference", "ours"):
        yield f"{factor * measure[side]['mean']:.{digits}f} ± {factor * measure[side]['std']:.{digits}f}"
    apart = measure["difference"]
    low, high = (f"{factor * one:.{digits}f}" for one in apart["interval"])
    yield f"{factor * apart['mean']:+.{digits}f}, {low} to {high}: {apart['word']}"


SAYS = """
To be written.
"""
