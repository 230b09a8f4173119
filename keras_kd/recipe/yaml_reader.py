"""YAML read by the rules of version 1.2 (its core schema), with the line of every field, whatever it is given."""

import re
from typing import NamedTuple

import yaml

from keras_kd.utils.suggest import shortened

LARGEST = 2**19  # bytes: with these three bounds the worst text is read in a few seconds
MOST = 30_000  # values, once aliases are written out
DEEPEST = 50
LONGEST = 200  # characters of a name
SAID = 20  # problems; a file with more is not wrong by accident
INVALID = "not valid YAML"
CORE = "tag:yaml.org,2002:"
WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class NotYamlError(ValueError):
    """Text that is no YAML, or more than is read: `problems` has (line, path of keys, message) of each."""

    def __init__(self, problems):
        super().__init__(problems[0][2])
        self.problems = problems


class Node(NamedTuple):
    """A value as it is written; `content` is text, a list of nodes, or a list of (key, value)."""

    kind: str
    content: object
    tag: str | None
    plain: bool
    line: int


def read_yaml(text):
    """Plain data of a YAML text.

    Args:
        text: of one document.

    Returns:
        (plain data, {path of keys: line}); data are None where nothing is written.

    Raises:
        NotYamlError: with every problem of its values; or the first of its syntax.

    Example:
        >>> read_yaml("fit: {epochs: 010}\\nclasses: [no, 1e-3]")
        ({'fit': {'epochs': 10}, 'classes': ['no', 0.001]}, {('fit',): 1, ('fit', 'epochs'): 1, ('classes',): 2, \
('classes', '0'): 2, ('classes', '1'): 2})
    """
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = _composed(loader)
    except NotYamlError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else loader.line
        raise NotYamlError([(line + 1, (), _syntax(error.problem or error.context))]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"found the character U+{ord(text[error.position]):04X}, which no text has"
        raise NotYamlError([(line, (), f"{INVALID}: {what}; leave it out")]) from None
    except Exception as error:  # noqa: BLE001, the one net: PyYAML lets some pass, such as that of an escape
        line = loader.line + 1 if loader is not None else 1
        raise NotYamlError([(line, (), _syntax(str(error).partition("\n")[0] or type(error).__name__))]) from None
    return _Built().of(node)


# How what PyYAML says begins, and what to do.
FIXES = {
    "could not determine a constructor for the tag": "leave the tag out",
    "found undefined tag handle": "leave the tag out",
    "found undefined alias": "quote text that begins with *",
    "found incompatible YAML document": "leave the line that begins with % out",
    "found character '\\t'": "indent by spaces",
}


def _syntax(problem):
    begins = (fix for beginning, fix in FIXES.items() if str(problem).startswith(beginning))
    fix = next(begins, "check indentation and brackets")
    return f"{INVALID}: {problem}; {fix}"


def _composed(loader):
    """The one document of a text as a `Node`, without recursion; None where there is none."""
    root, opened, anchors, count = None, [], {}, 0
    while True:
        event = loader.get_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.StreamEndEvent):
            return root
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise NotYamlError([(line, (), "a second document begins here; expected one: leave `---` out")])
        if isinstance(event, yaml.CollectionEndEvent):
            node = opened.pop()
            if node.kind == "mapping":
                node.content[:] = list(zip(node.content[::2], node.content[1::2], strict=True))
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        count += 1
        if count > MOST:
            raise NotYamlError([(line, (), f"has more than {MOST:,} values; expected fewer")])
        node = _node(event, line, anchors, opened)
        if opened:
            opened[-1].content.append(node)
        else:
            root = node
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(node)
            if len(opened) > DEEPEST:
                raise NotYamlError([(line, (), f"is nested deeper than {DEEPEST} levels; expected fewer")])


def _node(event, line, anchors, opened):
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise NotYamlError([(line, (), _syntax(f"found undefined alias {event.anchor!r}"))])
        node = anchors[event.anchor]
        if any(node is one for one in opened):
            raise NotYamlError([(line, (), f"the anchor &{event.anchor} holds itself; write the fields out")])
        return node
    if isinstance(event, yaml.ScalarEvent):
        node = Node("scalar", event.value, event.tag, not event.style, line)
    else:
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
        node = Node(kind, [], event.tag, False, line)
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


class _Built:
    """Plain data made of a `Node`, aliases and merges written out; every problem noted."""

    def __init__(self):
        self.lines, self.problems, self.count = {}, [], 0
        self.known = {}  # the fields of mappings, by their identity

    def of(self, node):
        data = None if node is None else self.value(node, ())
        if self.problems:
            raise NotYamlError(self.problems)
        return data, self.lines

    def problem(self, line, where, message):
        self.problems.append((line, () if message.startswith(INVALID) else where, message))
        if len(self.problems) >= SAID:
            raise NotYamlError(self.problems)

    def counted(self, line, count=1):
        self.count += count
        if self.count > MOST:
            message = f"has more than {MOST:,} values once aliases are written out; expected fewer"
            raise NotYamlError([(line, (), message)])

    def value(self, node, where):
        self.counted(node.line)
        if len(where) > DEEPEST:
            raise NotYamlError([(node.line, (), f"is nested deeper than {DEEPEST} levels; expected fewer")])
        if node.kind == "scalar":
            try:
                return scalar(node.content, node.plain, node.tag)
            except ValueError as error:
                return self.problem(node.line, where, str(error))
        if node.tag not in (None, "!", CORE + {"mapping": "map", "sequence": "seq"}[node.kind]):
            return self.problem(node.line, where, _no_such_tag(node.tag))
        if node.kind == "mapping":
            return self.mapping(node, where)
        found = []
        for number, one in enumerate(node.content):
            here = (*where, str(number))
            self.lines[here] = one.line
            found.append(self.value(one, here))
        return found

    def mapping(self, node, where):
        found = {}
        for name, (key, value) in self.fields(node, where, 0).items():
            here = (*where, name)
            self.lines[here] = key.line
            found[name] = self.value(value, here)
        return found

    def fields(self, node, where, depth):
        """{name: (key, value)} of a mapping and of what is merged into it by `<<`, as if it stood there."""
        if id(node) in self.known:
            return self.known[id(node)]
        own, merged, first = {}, [], {}
        for key, value in node.content:
            merges = key.kind == "scalar" and key.plain and key.tag is None and key.content == "<<"
            name = "<<" if merges else self.name(key, where)
            if name in first:
                self.problem(key.line, (*where, name), _twice(first[name], key.line))
            elif merges:
                merged.append((key, value))
            elif name is not None:
                own[name] = (key, value)
            if name is not None:
                first.setdefault(name, key.line)
        found = {}
        for key, value in merged:
            # What is merged first goes before the rest, and what stands there itself before all that is merged.
            for one in reversed(value.content) if value.kind == "sequence" else (value,):
                if one.kind != "mapping" or depth == DEEPEST:
                    what = "merges what has no fields" if depth < DEEPEST else "merges what merges, over and over"
                    self.problem(key.line, (*where, "<<"), f"{what}; write the fields out")
                    continue
                fields = self.fields(one, where, depth + 1)
                self.counted(key.line, len(fields))
                found.update(fields)
        found.update(own)
        self.known[id(node)] = found
        return found

    def name(self, key, where):
        """The text of a key, or None with the problem noted."""
        if key.kind != "scalar":
            kind = {"mapping": "fields", "sequence": "a list"}[key.kind]
            return self.problem(key.line, where, f"found {kind} as a name; expected text before the colon")
        try:
            name = scalar(key.content, key.plain, key.tag)
        except ValueError as error:
            return self.problem(key.line, where, f"as a name: {error}")
        if not isinstance(name, str):
            shown = shortened(key.content) or "nothing"
            wanted = f"text, in quotes: '{shown}'" if key.content else "text before the colon"
            return self.problem(key.line, where, f"found {shown} as a name; expected {wanted}")
        if not name.strip():
            return self.problem(key.line, where, f"found {name!r} as a name; expected text before the colon")
        if not name.isprintable() or len(name) > LONGEST:
            expected = f"one line of at most {LONGEST} characters"
            return self.problem(key.line, where, f"found the name {shortened(repr(name))}; expected {expected}")
        return name


def _twice(one, other):
    return f"given twice, in {f'lines {one} and {other}' if one != other else f'line {one}'}; keep one"


def _no_such_tag(tag):
    return _syntax(f"could not determine a constructor for the tag {shortened(repr(tag))}")


def scalar(text, plain=True, tag=None):
    """The value that a text stands for.

    Args:
        text: as it is written, without quotes.
        plain: whether it is written without quotes.
        tag: that is written before it, in full, or None.

    Raises:
        ValueError: it has none; the message ends an error.

    Example:
        >>> [scalar(one) for one in ("010", "0x1F", "1_000", "1:30", "yes", "1e3", "~")]
        [10, 31, '1_000', '1:30', 'yes', 1000.0, None]
    """
    if tag in ("!", f"{CORE}str") or (tag is None and not plain):
        return _text(text)
    found = WORDS[text] if text in WORDS else _number(text)
    if tag is None:
        return _text(text) if found is _NEITHER else found
    wanted = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}.get(tag.removeprefix(CORE))
    if wanted is None or not tag.startswith(CORE):
        raise ValueError(_no_such_tag(tag))
    if not isinstance(found, wanted) or (isinstance(found, bool) and wanted is not bool):
        raise ValueError(f"found {shortened(repr(text))} with the tag !!{tag.removeprefix(CORE)}; leave the tag out")
    return float(found) if tag == f"{CORE}float" else found


_NEITHER = object()


def _number(text):
    if WHOLE.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        # No number of more digits is one of 64 bits, and Python refuses to read those of thousands.
        value = int(text, base) if len(text.lstrip("+-0ox")) <= 30 else 2**64
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"is {shortened(text)}; expected a whole number of at most 18 digits")
        return value
    if DECIMAL.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError(f"is {shortened(text)}; expected a number below 1e308")
        return value
    return _NEITHER


def _text(text):
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        # JSON writes letters beyond 16 bits as two escapes.
        try:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise ValueError(f"is {shortened(ascii(text))}; half of a character, which no text has") from None
    odd = NOT_TEXT.search(text)
    if odd:
        raise ValueError(f"found text with the character U+{ord(odd.group()):04X}; leave it out")
    return text
