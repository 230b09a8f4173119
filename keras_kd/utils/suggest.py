"""What an error says of something that was given: what it is, and what was perhaps meant."""

import difflib


def closest(word, words, *, as_written=False):
    """The one of some words that is closest to another.

    Args:
        word: that is none of them.
        words: any; their texts count.
        as_written: tells large letters from small ones.

    Returns:
        A text, or None where nothing is close.

    Example:
        >>> closest("resnet56x", ["ResNet56", "vgg8"]), closest("mine", ["vgg8"])
        ('ResNet56', None)
    """
    spelled = {one if as_written else one.lower(): one for one in map(str, words)}
    found = difflib.get_close_matches(str(word) if as_written else str(word).lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def did_you_mean(word, words, *, as_written=False, before="; ", otherwise=""):
    """The end of an error on a word that is none of some words.

    Args:
        word, words, as_written: as of `closest`.
        before: what parts it from what the error says before.
        otherwise: what it is where nothing is close.

    Example:
        >>> did_you_mean("wieght", ["weight", "method"]), did_you_mean("x", ["weight"])
        ("; did you mean 'weight'?", '')
    """
    found = closest(word, words, as_written=as_written)
    return otherwise if found is None else f"{before}did you mean {found!r}?"


def shortened(text, most=80):
    """A text as an error shows it: a long one by its beginning.

    Example:
        >>> shortened("short"), shortened("9" * 5000, 4)
        ('short', '9999... (5,000 characters)')
    """
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def in_one_line(text, most=80):
    """A text as it is where it can be shown in one line, else with escapes; a long one by its beginning.

    Example:
        >>> in_one_line("fit.epochs=3"), in_one_line("a\\nb")
        ('fit.epochs=3', 'a\\\\nb')
    """
    return shortened(text if text.isprintable() else ascii(text)[1:-1], most)


def found_as(value):
    """A value as an error shows it.

    Example:
        >>> found_as({"a": 1}), found_as([1, 2]), found_as(True), found_as(None), found_as("x")
        ('a mapping', 'a list of 2', 'true', 'nothing', "'x'")
    """
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else shortened(repr(value))
