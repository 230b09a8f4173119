"""Reading a report that may lack anything: what is not there is None."""


def get_path(report, *names):
    """What stands in nested dicts, or None.

    Example:
        >>> get_path({"a": {"b": 1}}, "a", "b"), get_path({"a": None}, "a", "b"), get_path({}, "a")
        (1, None, None)
    """
    for name in names:
        if not isinstance(report, dict):
            return None
        report = report.get(name)
    return report


def parts(report, *names):
    """A nested dict, empty where there is none; those of its values that are None are left out."""
    found = get_path(report, *names)
    return {name: value for name, value in found.items() if value is not None} if isinstance(found, dict) else {}


def entries(report, *names):
    """A nested list, empty where there is none; those of its entries that are None are left out."""
    found = get_path(report, *names)
    return [one for one in found if one is not None] if isinstance(found, list) else []


def class_name(report, number):
    """What a class is called; its number where it has no name.

    Example:
        >>> class_name({"class_names": ["cat"]}, 0), class_name({"class_names": ["cat"]}, 1)
        ('cat', '1')
    """
    names = get_path(report, "class_names") or []
    return str(names[number]) if number is not None and number < len(names) else str(number)
