"""Plain data as YAML that reads back equal by version 1.1 and by version 1.2."""

import yaml

from keras_kd.recipe.yaml_reader import CORE, DECIMAL, WHOLE


class _Dumper(yaml.SafeDumper):
    """Puts in quotes what either version would read as something other than text."""


for _kind, _pattern in (("int", WHOLE), ("float", DECIMAL)):
    _Dumper.add_implicit_resolver(CORE + _kind, _pattern, list("-+.0123456789"))


def write_yaml(plain):
    """The YAML of plain data.

    Example:
        >>> print(write_yaml({"arguments": {"units": 8, "names": ["1e3", "no", "a"]}}), end="")
        arguments:
          units: 8
          names: ['1e3', 'no', a]
    """
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
