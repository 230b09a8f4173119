"""Hostile input: recipes, study files and values of --set, changed at random; what is raised, and how long it takes.

    python benchmarks/mutated_recipes.py [--quick] [--json] [--cases 10000] [--seed 0]

Each case is a recipe, a study or an override with one to four changes: of its text, of one of its values, of one of its
names. It is read as `keras-kd validate` and `study` read it before anything runs. Right is that it is taken and,
written out, reads back equal; or that it is refused by a UserError of lines that can be shown. All else is counted:
another exception, more than 5 seconds, another recipe read back.
"""

import contextlib
import copy
import json
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import yaml
from measuring import finish, options

SECONDS = 5
NUMBERS = (
    *("0", "-1", "1", "-0", "1e5", "1e20", "1e32", "1e-40", "1e308", "1e400", "-1e400", "9" * 25, "9" * 5000, "1_000"),
    *("010", "0o17", "0x10", "0b11", "1:30", ".5", "5.", "+3", "0.1", "2.5", "2147483647", "2147483648", "4294967296"),
    *(".inf", "-.inf", ".nan", "NaN", "inf", "1e", "١٢", "²", "0x" + "f" * 40, "1e-400", "1.7976931348623157e308"),
)
WORDS = (
    *("", "~", "null", "true", "no", "on", "yes", "''", "' '", "'.'", "'/'", "'..'", "'~'", "'~nobody/x'", "'//'"),
    *(
        '"\\0"',
        '"~\\0"',
        '"a\\0.yaml"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\e[31m"',
        '"a\\nb"',
        "'a\tb'",
        "2026-01-01",
    ),
    *("2026-99-99", "x.yaml", ".yaml", "digits.yaml", "a.keras", ".keras", "a:b", ":", "a.b:c", "os:system", "'*'"),
    *("'[x'", "a.npz", "folder/", "./x", "http://x/y", "gs://x", "kd", "none", "auto", "all", "fitted", "x" * 300),
    *("'" + "x/" * 3000 + "'", "$x", "$", "'$ or nothing'", "$data.name", "fit", "int", "schedule[]", "ﷺ", "e\u0301"),
)
PARTS = (
    *("[]", "{}", "[[]]", "[{}]", "{a: 1}", "{1: 2}", "{true: x}", "{~: x}", "{'': x}", "{[a]: b}", "{? {a: b} : c}"),
    *("[1, 2]", "[1, 1]", "[1, a]", "[null]", "[-1, 1e400]", "{end_value: 1}", "{end_value: 1, over: 100000000}"),
    *("{end: 1, begin: 1, after: 1000000000000}", "{end_value: 1, duration: 1e15}", "{end_value: .nan}", "{model: a}"),
    *("{end_value: -1, start_value: 1, duration: 3}", "{end: 1, end_value: 2}", "{shape: cosine, end_value: 1}"),
    *("{model: digits.yaml, settings: {fit.epochs: .nan}}", "{model: x, settings: {teacher: bad.yaml}}", "[kd, kd]"),
    *("{model: digits_teacher.yaml, settings: {teacher: digits.yaml}}", "{method: kd, weight: {}}", "{method: []}"),
    *("{float: [1, 20]}", "{float: [.nan, .inf]}", "{choice: [1, [2], {a: 3}]}", "{int: [0, 1000000000], step: 1e-9}"),
    *("[" * 200 + "]" * 200, "[" * 60, "{a: " * 100 + "1" + "}" * 100, "[" + "0, " * 3000 + "0]"),
    *("!!int ''", "!!int x", "!!timestamp x", "!!float ''", "!!bool x", "!!null x", "!!set {a}", "!!binary x", "!x y"),
    *("!!str 5", "!!python/object/apply:os.system ['true']", "!!map [a]", "!!seq {a: b}", "!!omap [a: b]", "! 5"),
    *("&a [*a]", "&a {b: *a}", "*nowhere", "{<<: 1}", "{<<: [1]}", "{<<: {a: 1}}", "{<<: *nowhere}", "&b 1", "*b"),
    *("|\n  x\n", ">-\n  y\n", "- 1", "? a", "# x", "---", "...", "%YAML 1.1", "@", "`", "\t", "{", "}", "[", "]", ","),
)
LETTERS = "\0\t\n\r\x07\x1b\x7f\x85\xa0\u2028\ufeff\U0001f600 :-#&*!|>'\"%@`{}[],?<=~$./\\0123456789abcXYZ_é"
SETTING = """\
question: Does it help?
recipes:
  teacher: &base
    data: &data {name: digits, views: flip}
    student: digits_cnn
    fit: &fit {epochs: 2, batch_size: 20, optimizer: adam, learning_rate: 0.01}
  student:
    data: *data
    teacher: teacher.yaml
    student: digits_tiny
    label_weight: 0.5
    terms: [{method: kd, temperature: 4}]
    fit: {<<: *fit, epochs: 1}
base: student
axes:
  noise: {clean: {}, "50 %": {data.label_noise: {rate: 0.5}}}
  way:
    labels alone: {teacher: null, terms: [], label_weight: 1}
    KD: {terms.0.weight: 0.9}
    KD, noisy teacher: {teacher.settings: {data.label_noise: $data.label_noise or nothing}}
without: [{noise: clean, way: "KD, noisy teacher"}]
against: {way: labels alone}
figures: {student.top1: top-1}
seeds: [0, 1]
"""
SEARCHED = """\
data: {name: digits, validation: 0.1}
teacher: {ensemble: [digits_teacher.yaml, {model: digits_teacher.yaml, seed: 1}], ensemble_weights: [1, 2]}
student: {model: digits_tiny, arguments: {}}
label_weight: {end_value: 1, start_value: 0.5, duration: 2, shape: cosine}
terms: [{method: kd, weight: 0.9, temperature: {end_value: 4, start_value: 1, duration: 3}}, {method: rkd}]
fit: {epochs: 3, drops: [1, 2], checkpoints: [1]}
search:
  space:
    terms.0.method: {choice: [kd, dkd]}
    terms.0.beta: {float: [1, 8], when: {terms.0.method: dkd}}
    fit.learning_rate: {float: [0.001, 0.1], sampling: log, step: 10}
    fit.nesterov: {boolean: true}
  objective: [val_accuracy, {name: cost.macs, direction: min}]
  tuner: grid
seeds: [3, 4]
"""


class Late(BaseException):
    """A case took too long; no handler of exceptions holds it up."""


def hostile(chance):
    return chance.choice(chance.choice((NUMBERS, WORDS, PARTS)))


def mutated(text, chance):
    """A text with one to four changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        text = chance.choice(CHANGES)(text, chance)
    return text


def _value(text, chance):
    """Something else in the place of a value."""
    places = [match.span(1) for match in re.finditer(r"(?:: |- |\[|, )([^\s{}\[\],][^{}\[\],\n]*)", text)]
    return _put(text, chance.choice(places), hostile(chance)) if places else text


def _part(text, chance):
    """Something else in the place of fields, or of a list."""
    places = [match.span() for match in re.finditer(r"\{[^{}]*\}|\[[^\[\]]*\]", text)]
    return _put(text, chance.choice(places), hostile(chance)) if places else text


def _name(text, chance):
    """Another name of a field: a hostile one, one from elsewhere, or one with a letter more or less."""
    places = [match.span(1) for match in re.finditer(r"([\w.]+):(?= |\n)", text)]
    if not places:
        return text
    at = chance.choice(places)
    name = text[at[0] : at[1]]
    near = name[1:] if chance.random() < 0.5 else name + chance.choice(LETTERS)
    return _put(text, at, chance.choice((near, hostile(chance), text[slice(*chance.choice(places))])))


def _letters(text, chance):
    """A stretch of letters gone, doubled, or replaced by others."""
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice((0, 1, 2, 5, 40)))
    new = chance.choice(("", text[start:end] * 2, "".join(chance.choices(LETTERS, k=chance.randint(1, 3)))))
    return _put(text, (start, end), new)


def _lines(text, chance):
    """A line gone, twice, elsewhere, further in, or with a field more."""
    lines = text.split("\n")
    place = chance.randrange(len(lines))
    line = lines.pop(place)
    kind = chance.randrange(5)
    if kind == 1:
        lines[place:place] = [line, line]
    elif kind == 2:
        lines.insert(chance.randrange(len(lines) + 1), line)
    elif kind == 3:
        lines.insert(place, " " * chance.randint(1, 3) + line)
    elif kind == 4:
        extra = chance.choice(("seed", "trust", "peers", "evidence", "bank", "baseline", "generations", "search", "x"))
        lines[place:place] = [line, f"{extra}: {hostile(chance)}"]
    return "\n".join(lines)


def _put(text, at, new):
    return text[: at[0]] + new + text[at[1] :]


CHANGES = (_value, _value, _value, _part, _name, _letters, _lines)


# What values of a right text become, so that more than its syntax is seen.
PLAIN = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        0.5,
        -0.5,
        1e5,
        1e20,
        1e32,
        1e-40,
        1e308,
        float("inf"),
        float("-inf"),
        float("nan"),
    ),
    *(2**31 - 1, 2**31, 2**32, 2**62, 10**6, 10**6 + 1, 10**9, 10**12, "", " ", ".", "/", "..", "~", "~nobody/x", "//"),
    *("x.yaml", ".yaml", "/.yaml", "digits.yaml", "bad.yaml", "a.keras", ".keras", "a:b", "a.b:c", ":", "x.npz", "x/"),
    *("kd", "none", "auto", "all", "fitted", "yes", "no", "off", "NaN", "inf", "1e5", "010", "1_000", "9" * 5000, "²"),
    *(
        "x" * 300,
        "x/" * 3000,
        "a\nb",
        "\U0001f600",
        "$x",
        "$data.name",
        "$ or nothing",
        "resnet20",
        "crop_flip",
        "exec:os",
    ),
    *([], {}, [[]], [{}], [None], [1, 2], [1, 1], [2, 1], [0.5, "x"], [1e400], list(range(3000)), ["kd"] * 200, "dml"),
    *({"end": 1, "over": 10**8}, {"end": 1, "begin": 1, "after": 10**12}, {"end_value": 1, "end": 1}, {"end_value": 0}),
    *({"end_value": 4, "start_value": 1, "duration": 10**15}, {"end_value": -1, "start_value": 1, "duration": 3}),
    *(
        {"model": "digits_teacher.yaml", "settings": {"teacher": "bad.yaml"}},
        {"model": "digits_teacher.yaml", "seed": 3},
    ),
    *(
        {"model": "digits_teacher.yaml", "settings": {"fit.epochs": float("nan")}},
        {"model": "digits.yaml", "epoch": 10**6},
    ),
    *({"model": "digits_teacher.yaml", "settings": {"terms.²": 1}}, {"ensemble": ["digits_teacher.yaml"] * 150}),
    *({"base": "flip", "cutout": 10**9}, {"kind": "matrix", "matrix": [[1]]}, {"profile": "step", "ratio": 1e308}),
    *({"float": [1, 20]}, {"float": [1e-300, 1e300]}, {"choice": list(range(900))}, {"int": [0, 10**9], "step": 1}),
    *(
        {"float": [0, 1], "step": 1e-12},
        {"choice": [1], "when": {"fit.nesterov": True}},
        {"method": "kd", "weight": None},
    ),
)


def structured(text, chance):
    """A right text with one to four of its fields, or of their names, others."""
    plain = yaml.safe_load(text)
    for _ in range(chance.choice((1, 1, 1, 1, 2, 3))):
        holder, key = chance.choice(list(_fields(plain)) or [(plain, "data")])
        kind = chance.randrange(6)
        if kind == 0 and isinstance(holder, dict):
            name = chance.choice((str(chance.choice(PLAIN)), key[1:], f"{key}s", "seed", "terms", "float", "settings"))
            holder[name] = holder.pop(key)
        elif kind == 1:
            holder.pop(key)
        elif kind == 2:
            other, of_other = chance.choice(list(_fields(plain)))
            holder[key] = copy.deepcopy(other[of_other])
        elif kind == 3 and isinstance(holder[key], int | float):
            holder[key] = chance.choice(
                (2 * holder[key], holder[key] + 1, holder[key] - 1, -holder[key], holder[key] / 2)
            )
        else:
            holder[key] = copy.deepcopy(chance.choice(PLAIN))
    return yaml.dump(plain, Dumper=_Plain, sort_keys=False, width=10**6, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def _fields(plain):
    """(what holds it, its name or place) of each field."""
    for key in list(plain) if isinstance(plain, dict) else range(len(plain)) if isinstance(plain, list) else ():
        yield plain, key
        yield from _fields(plain[key])


def override(paths, chance):
    """A value of --set: a field that there is or nearly is, and something."""
    path = chance.choice(paths)
    if chance.random() < 0.2:
        path = _letters(path, chance)
    if chance.random() < 0.1:
        path += chance.choice((".0", ".x", ".", ".²", "." + "9" * 5000, ".a" * 200))
    if chance.random() < 0.4:
        return f"{path}={json.dumps(chance.choice(PLAIN))}"
    return f"{path}={_letters(hostile(chance), chance) if chance.random() < 0.2 else hostile(chance)}"


def dotted_paths(plain, before=()):
    """The paths of all fields of plain data."""
    held = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in held:
        yield ".".join(map(str, (*before, key)))
        yield from dotted_paths(value, (*before, key))


def judged(case):
    """(what came of a case, what was said, seconds)."""
    from keras_kd.utils.errors import UserError

    def late(*_):
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    begun = time.perf_counter()
    try:
        found, said = "taken", case() or ""
        found = "reads back otherwise" if said else found
    except UserError as error:
        found, said = "refused", str(error)
        odd = [line for line in said.split("\n") if not line.strip() or not line.isprintable() or len(line) > 2000]
        found = "cannot be shown" if odd else found
    except Late:
        found, said = "hang", traceback.format_exc()
    except Exception:
        found, said = "raw error", traceback.format_exc()
    finally:
        signal.alarm(0)
    return found, said, time.perf_counter() - begun


def read_recipe(path, settings=()):
    """Reads a recipe as `validate` and `search` do; says what is otherwise once it is written and read again."""
    from keras_kd.recipe.load import load
    from keras_kd.recipe.yaml_writer import write_yaml
    from keras_kd.workflows.check_recipe import check_recipe

    absent = []
    recipe = load(path, settings, notes=absent, code=False)
    again = path.with_name("again.yaml")
    again.write_text(write_yaml(recipe.dump(path.parent)), encoding="utf-8")
    if not absent and load(again, code=False) != recipe:
        return f"reads back otherwise: {again.read_text(encoding='utf-8')}"
    check_recipe(recipe, path, settings, absent=bool(absent))
    return None


def read_study(path):
    """Reads a study and the recipes of its cells, as `study` does."""
    from keras_kd.workflows.study.study_file import load_study, write_recipes

    write_recipes(load_study(path), path.parent / "made")


def cases(count, chance, folder):
    """(kind, text, function of no arguments) of each case."""
    from keras_kd.recipe.files import known
    from keras_kd.recipe.load import load
    from keras_kd.recipe.yaml_writer import write_yaml
    from keras_kd.workflows.study.study_file import ready

    published = known()
    names = sorted(set(published) - {"my_images"})
    studies = [SETTING] * 20 + [path.read_text(encoding="utf-8") for path in ready().values()]
    good = folder / "good.yaml"
    good.write_text(SEARCHED, encoding="utf-8")
    paths = list(dotted_paths(load(good).dump()))
    for number in range(count):
        kind = ("recipe", "recipe", "recipe", "study", "--set")[number % 5]
        file = folder / "bad.yaml"
        if kind == "--set":
            text = override(paths, chance)
            yield kind, text, lambda text=text: read_recipe(good, [text])
            continue
        if kind == "study":
            text = chance.choice(studies)
        elif chance.random() < 0.3:
            text = SEARCHED
        else:
            path = published[chance.choice(names)]
            # As it is written, or with every field that there is.
            text = path.read_text(encoding="utf-8") if chance.random() < 0.5 else write_yaml(load(path).dump())
        text = structured(text, chance) if chance.random() < 0.5 else mutated(text, chance)
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        yield kind, text, lambda kind=kind, file=file: (read_study if kind == "study" else read_recipe)(file)


def run(count, seed, show=None):
    """Counts of what came of so many cases, the failures, and the slowest of each kind."""
    chance, counts, failures, slowest = random.Random(seed), Counter(), [], Counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number, (kind, text, case) in enumerate(cases(count, chance, Path(folder))):
            found, said, seconds = judged(case)
            counts[kind, found] += 1
            slowest[kind] = max(slowest[kind], round(seconds, 2))
            if found not in ("taken", "refused"):
                failures.append({"number": number, "kind": kind, "found": found, "text": text, "said": said})
                if show:
                    show(failures[-1])
    return counts, failures, slowest


def main():
    chosen = options(__doc__, cases=(int, 10_000, "how many (1000 with --quick)"), seed=(int, 0, "of the changes"))
    count = min(chosen.cases, 1000) if chosen.quick else chosen.cases

    def show(failed):
        print(f"{failed['found']}: {failed['kind']} {failed['number']}\n{failed['said'][-1500:]}", file=sys.stderr)

    counts, failures, slowest = run(count, chosen.seed, show)
    results = ("taken", "refused", "raw error", "hang", "cannot be shown", "reads back otherwise")
    rows = {kind: {found: counts[kind, found] for found in results} for kind in ("recipe", "study", "--set")}
    table = [f"{'':<8}" + "".join(f"{found:>22}" for found in results) + f"{'slowest':>12}"]
    for kind, row in rows.items():
        table.append(f"{kind:<8}" + "".join(f"{row[found]:>22}" for found in results) + f"{slowest[kind]:>10.2f} s")
    result = {"cases": count, "seed": chosen.seed, "limit_seconds": SECONDS, "counts": rows, "slowest": dict(slowest)}
    finish("mutated_recipes", {**result, "failures": failures[:20]}, "\n".join(table), chosen)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
