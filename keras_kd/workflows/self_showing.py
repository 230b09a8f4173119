"""What commands find as plain values that show themselves, in a terminal as the command does, in a notebook as HTML."""

from keras_kd.utils.formatting import printable


class Examination(dict):
    """What the doctor found, as `keras-kd doctor --json` has it. It shows itself as the command does."""

    def __str__(self) -> str:
        from keras_kd.workflows.doctor import format_text, summary_line

        return "\n".join([*format_text(self), summary_line(self)])

    def _repr_html_(self) -> str:
        from keras_kd.report.notebook import escaped, table

        said = [{**one, **({"why": "", "fix": ""} if one["outcome"] == "good" else {})} for one in self["findings"]]
        columns = ("outcome", "check", "found", "why", "fix")
        steps = "".join(f"<li>{escaped(step)}</li>" for step in self["next"])
        shown = table(columns, [[one[name] for name in columns] for one in said])
        return shown + (f"<p>next:</p><ol>{steps}</ol>" if steps else "")


class Checked(dict):
    """A recipe without an error: "recipe", "notes" (what it names that is not there yet), "plan" (of a dry run)."""

    def __str__(self) -> str:
        from keras_kd.workflows.run.plan import in_words

        lines = [f"{printable(self['recipe'])}: ok", *(f"  not there yet: {note}" for note in self["notes"])]
        return "\n".join([*lines, *([in_words(self["plan"])] if self["plan"] else [])])

    def _repr_html_(self) -> str:
        from keras_kd.report.notebook import as_it_is

        return as_it_is(str(self))
