"""What is asked of reports in several rooms."""

from keras_kd.report.section import Section


def undescribed(value, where="report"):
    """The dotted names of the figures of a report of which its schema says nothing."""
    if isinstance(value, Section):
        unknown = [f"{where}.{name}" for name in value.model_extra or ()]
        inside = [(name, getattr(value, name)) for name in type(value).model_fields]
    else:
        unknown, inside = [], {dict: lambda: value.items(), list: lambda: enumerate(value)}.get(type(value), tuple)()
    return unknown + [name for key, one in inside for name in undescribed(one, f"{where}.{key}")]
