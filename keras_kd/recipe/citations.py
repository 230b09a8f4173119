"""The papers that methods, networks, views, data and ways of teaching rely on: `references.bib`, by key."""

import re
from pathlib import Path

FILE = Path(__file__).parent / "references.bib"
_ENTRY = re.compile(r"@\w+\{(\w+),\n(?:  .+\n)+\}")


def read(text, where):
    """The entries of a BibTeX file, as they stand there.

    Args:
        text: of the file: comments that begin with %, then entries, a blank line between two. A field is indented by
            two spaces, the closing brace of an entry has a line for itself.
        where: names the file, for errors.

    Returns:
        {key: text}, in the order of the file.

    Raises:
        ValueError: names what is no entry, or a key that is there twice.

    Example:
        >>> read("@misc{me2026,\\n  year = {2026},\\n}\\n", "a.bib")["me2026"].splitlines()
        ['@misc{me2026,', '  year = {2026},', '}']
    """
    found = {}
    lines = (line for line in text.splitlines() if not line.startswith("%"))
    for block in filter(None, "\n".join(lines).strip().split("\n\n")):
        block = block.strip()
        entry = _ENTRY.fullmatch(block)
        if entry is None:
            raise ValueError(f"{where}: found {block.splitlines()[0]!r}; expected @KIND{{KEY, then fields, then }}")
        if entry[1] in found:
            raise ValueError(f"{where}: {entry[1]} is there twice; keep one")
        found[entry[1]] = block
    return found


BIBTEX = read(FILE.read_text(encoding="utf-8"), FILE.name)
