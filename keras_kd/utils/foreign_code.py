"""Code that is not keras_kd's: the modules that a recipe names are imported here and nowhere else.

A module that is named is looked for in the current folder first. What else lies there is found last, so that no file of
it stands in for a module of the standard library or of an installed package.
"""

import contextlib
import importlib
import importlib.machinery
import os
import re
import sys
import types
from typing import NamedTuple

from keras_kd.utils.errors import Exit, UserError

# What a module of the user's cannot be named: it would stand in for these wherever they are imported.
PACKAGES = (
    "PIL", "ai_edge_litert", "click", "importlib_resources", "jax", "jaxlib", "jinja2", "keras", "keras_tuner",
    "matplotlib", "numpy", "onnxruntime", "pydantic", "rich", "scipy", "sklearn", "tensorboard", "tensorflow",
    "tensorflow_datasets", "tf2onnx", "yaml"
)  # fmt: skip
TAKE_IT_OUT = "take it out, or put it under `if __name__ == '__main__':`"


class Ran(NamedTuple):
    """A module that was imported for a recipe: its name, and its file as it is shown."""

    module: str
    file: str


class _Brought(NamedTuple):
    """What an import brought: the folder in which it was found, None for what Python finds, and its modules."""

    folder: str | None
    modules: tuple


_brought, _watching, _forbidden = {}, [], []


def is_foreign(name):
    """Whether a name in a recipe means code that is not keras_kd's.

    Args:
        name: of a method, network or dataset.

    Example:
        >>> is_foreign("kd"), is_foreign("keras_kd.methods.kd:KD"), is_foreign("mine:Mine")
        (False, False, True)
    """
    module, colon, _ = name.partition(":")
    return bool(colon) and module.partition(".")[0] != "keras_kd"


def import_module_of(name, folder=None):
    """The module of a "package.module:thing", imported.

    Args:
        name: with or without ":thing"; errors begin with it.
        folder: where the module is looked for before all other places; the current folder by default.

    Raises:
        UserError: there is no such module, its name is taken, it fails, or it ends the program.

    Example:
        >>> import_module_of("keras_kd.methods.kd:KD").__name__
        'keras_kd.methods.kd'
        >>> import_module_of("json:Mine")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: json:Mine: 'json' is a module of the standard library; give yours another name
    """
    module = name.partition(":")[0]
    top = module.partition(".")[0]
    if top == "keras_kd":
        return _import(name, module)
    check_name(name)
    if _forbidden:
        raise UserError(f"{name}: {_forbidden[-1]}")
    folder = folder or current_folder()
    before = set(sys.modules)
    with importable(folder), _found_first(name, top, folder):
        imported = _import(name, module)
    _remember(module, folder, set(sys.modules) - before)
    for seen in _watching:
        seen.update(dict.fromkeys(_shown(one) for one in _brought[module].modules))
    return imported


def named(name):
    """What a "package.module:thing" names, or None where its module has no such thing.

    Args:
        name: errors begin with it.

    Raises:
        UserError: as of `import_module_of`.

    Example:
        >>> named("keras_kd.methods.kd:KD"), named("keras_kd.methods.kd:Nothing")
        (<class 'keras_kd.methods.kd.KD'>, None)
    """
    module = import_module_of(name)
    with guarded(name, "looking it up"):
        return getattr(module, name.partition(":")[2], None)


def check_name(name):
    """Refuses a "package.module:thing" whose module cannot be the user's; imports nothing.

    Raises:
        UserError: it is named as one of the standard library.
    """
    top = name.partition(":")[0].partition(".")[0]
    if top in sys.stdlib_module_names:
        raise UserError(f"{name}: {top!r} is a module of the standard library; give yours another name")


@contextlib.contextmanager
def guarded(name, doing, fix="correct it"):
    """Whatever the user's code raises in the block becomes one `UserError`; an end of the program too.

    Args:
        name: how the error begins, as a rule "package.module:thing".
        doing: what fails, such as "importing 'mine'".
        fix: of an error, how the line ends.

    Example:
        >>> with guarded("mine:Mine", "making it"):
        ...     raise SystemExit(0)
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: mine:Mine: making it ends the program (SystemExit: 0); take it out, or put it \
under `if __name__ == '__main__':`
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, Exit):
        raise
    except Exception as error:
        raise UserError(f"{name}: {doing} fails with {described(error)}; {fix}") from error
    except BaseException as error:
        raise UserError(f"{name}: {doing} ends the program ({described(error)}); {TAKE_IT_OUT}") from error


@contextlib.contextmanager
def unended(name):
    """An end of the program by the user's code becomes one `UserError`; errors are let through.

    Args:
        name: how the error begins.
    """
    try:
        yield
    except BaseException as error:
        if not ends_the_program(error):
            raise
        text = f"{name}: code of the recipe's ended the program ({described(error)}); take that out of it"
        raise UserError(text) from error


def ends_the_program(error):
    """Whether what was raised would end the program without being an error, and is not keras_kd's own end.

    Example:
        >>> ends_the_program(SystemExit(0)), ends_the_program(Exit(0)), ends_the_program(ValueError())
        (True, False, False)
    """
    return not isinstance(error, Exception | KeyboardInterrupt | Exit)


def described(error):
    """An error of the user's code on one line of bearable length.

    Example:
        >>> described(RuntimeError("no\\nluck"))
        'RuntimeError: no luck'
    """
    try:
        text = " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(error)).split())
    except Exception:  # its own __str__ fails
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text[:300]}{'...' if len(text) > 300 else ''}"


@contextlib.contextmanager
def importable(*folders):
    """Modules of folders can be imported in the block, where no other place has one of that name.

    Args:
        *folders: absolute paths; None is passed over.
    """
    added = [folder for folder in folders if folder is not None and folder not in sys.path]
    sys.path.extend(added)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for folder in added:
            if folder in sys.path:
                sys.path.remove(folder)


@contextlib.contextmanager
def watched():
    """Gives a list that, after the block, has a `Ran` for each module that was imported for a recipe in it.

    Example:
        >>> with watched() as ran:
        ...     module = import_module_of("keras_kd.methods.kd:KD")
        >>> ran
        []
    """
    seen, told = {}, []
    _watching.append(seen)
    try:
        yield told
    finally:
        _watching.pop()
        told.extend(seen)


@contextlib.contextmanager
def forbidden(reason):
    """No code but keras_kd's is imported in the block: asking for it is an error.

    Args:
        reason: what the error says after the name.

    Example:
        >>> with forbidden("is not run"):
        ...     import_module_of("mine:Mine")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: mine:Mine: is not run
    """
    _forbidden.append(reason)
    try:
        yield
    finally:
        _forbidden.pop()


def folders_used():
    """The folders from which modules were imported for recipes, in addition to those where Python finds modules."""
    return list(dict.fromkeys(one.folder for one in _brought.values() if one.folder is not None))


def folder_of(module):
    """The folder from which a module that is imported can be imported again, or None where it has no file.

    Args:
        module: its name.

    Example:
        >>> import keras_kd
        >>> folder_of("keras_kd.utils.errors") == os.path.dirname(os.path.dirname(keras_kd.__file__))
        True
    """
    file = _file(module)
    if file is None:
        return None
    levels = module.count(".") + 1 + os.path.basename(file).startswith("__init__.")
    for _ in range(levels):
        file = os.path.dirname(file)
    return file


def files_of(name):
    """The files of a module that is imported for a recipe, and of those that it imports from its folder.

    Args:
        name: of the module, with or without ":thing".

    Example:
        >>> [os.path.basename(file) for file in files_of("keras_kd.utils.foreign_code:named")]
        ['foreign_code.py']
    """
    module = name.partition(":")[0]
    modules = _brought[module].modules if module in _brought else (module,)
    return [file for file in map(_file, modules) if file is not None]


def current_folder():
    """The current folder, or None where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return None


def current_folder_last():
    """Puts the current folder, which `python -m` and `python -c` put before all others on the path, after them."""
    if sys.path[:1] and not sys.flags.safe_path and sys.path[0] in ("", current_folder()):
        sys.path.append(sys.path.pop(0))


def _import(name, module):
    with guarded(name, f"importing {module!r}"):
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None:
                raise
            fix = "run from the folder that holds it, or install it"
            raise UserError(f"{name}: no module {error.name!r} can be imported; {fix}") from error


@contextlib.contextmanager
def _found_first(name, top, folder):
    """In the block a module or package of a folder is found before all others of its name."""
    _forget(folder)
    finder = _InFolder(top, folder)
    spec = finder.find_spec(top)
    # A folder without an __init__.py comes after all others, as everywhere in Python.
    if spec is None or spec.origin is None:
        yield
        return
    usual = importlib.machinery.PathFinder.find_spec(top)
    if top in PACKAGES and not _same(usual.origin or "", spec.origin):
        raise UserError(f"{name}: {top!r} is a package that keras_kd works with; give yours in {folder} another name")
    there = _file(top)
    if there is not None and not _same(there, spec.origin):
        raise UserError(f"{name}: {top!r} is also a module in use, {there}; give yours in {folder} another name")
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _InFolder:
    """Finds one module or package in one folder."""

    def __init__(self, top, folder):
        self.top, self.folder = top, folder

    def find_spec(self, name, path=None, target=None):
        if name != self.top or not name or self.folder is None:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [self.folder])


def _forget(folder):
    """Modules that came from another folder and mean another file in this one are imported anew."""
    for module, one in list(_brought.items()):
        top = module.partition(".")[0]
        if one.folder in (None, folder) or _InFolder(top, folder).find_spec(top) is None:
            continue
        for brought in (top, *one.modules):
            if _file(brought) is None or _is_in(brought, one.folder):
                sys.modules.pop(brought, None)
        del _brought[module]


def _remember(module, folder, new):
    """Keeps what an import brought: the module, the packages around it, and what they import of its folder."""
    parts = module.split(".")
    own = [".".join(parts[: end + 1]) for end in range(len(parts))]
    folder = folder if _is_in(module, folder) else None
    neighbours = sorted(one for one in new if one not in own and folder is not None and _is_in(one, folder))
    known = _brought[module].modules if module in _brought else ()
    modules = dict.fromkeys(one for one in (*own, *neighbours, *known) if _file(one) is not None)
    _brought[module] = _Brought(folder, tuple(modules))


def _is_in(module, folder):
    """Whether a module that is imported was found in a folder itself."""
    return folder is not None and folder_of(module) == folder


def _file(module):
    """The absolute path of the file of a module that is imported, or None."""
    found = sys.modules.get(module)
    # Past attributes that a module computes, which may import.
    file = vars(found).get("__file__") if isinstance(found, types.ModuleType) else None
    return os.path.abspath(file) if isinstance(file, str) else None


def _same(one, other):
    return os.path.realpath(one) == os.path.realpath(other)


def _shown(module):
    """A module with its file, from the current folder where it lies there."""
    file, here = _file(module), current_folder()
    if here is not None and file.startswith(os.path.join(here, "")):
        file = os.path.join(".", os.path.relpath(file, here))
    return Ran(module, file)
