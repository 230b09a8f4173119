"""What the commands that worked on a run have taken of a person's time, killed ones too, until their last epoch."""

from pathlib import Path

from keras_kd.recipe.folders import RunFolder
from keras_kd.report.write import write
from keras_kd.utils.account import has_account, read_account
from keras_kd.utils.stages import added
from keras_kd.workflows.run.folder import hold_run, is_run, read_report

SPENT = "spent"


def keep_spent(spent, owned, before=None):
    """Keeps with a run, from now on, what its stages take, in addition to what earlier commands have taken.

    Args:
        spent: the `Stages` of the command.
        owned: as which the folder of the run is held.
        before: {stage: seconds} of earlier commands; by default what was kept until now.

    Returns:
        `before`.
    """
    before = (owned.kept(SPENT) or {}) if before is None else before
    spent.keep = lambda now: owned.keep(SPENT, added(before, now))
    return before


def note_spent(report, owned):
    """Puts into a report what was kept."""
    report.time.stages = {name: one for name, one in (owned.kept(SPENT) or {}).items() if one}
    report.time.seconds["in_all"] = round(sum(report.time.stages.values()), 3)


def keep_spent_around(spent, folder, restart):
    """Keeps with a run what the whole command takes: its other runs, the page.

    Args:
        spent: the `Stages` of the command.
        folder: of the run.
        restart: what was taken before does not count.
    """
    known = is_run(folder) and has_account(folder) and not restart
    before = (read_account(folder)["kept"].get(SPENT) if known else None) or {}
    keep_spent_unheld(spent, lambda: hold_run(RunFolder(Path(folder)), wait=True), before)


def keep_spent_unheld(spent, hold, before):
    """As `keep_spent` of a folder that is held only while something is kept in it.

    Args:
        spent: the `Stages` of the command.
        hold: gives the context in which the folder is held.
        before: {stage: seconds} of earlier commands.
    """

    def keep(now):
        with hold() as owned:
            owned.keep(SPENT, added(before, now))

    spent.keep = keep


def with_time(folder, spent, command=None):
    """The report of a run that has come to its end, all of the command's time in it; written.

    Args:
        folder: of the run.
        spent: the `Stages` of the command.
        command: by which the run was made; None leaves what the report says.
    """
    spent.mark()
    with hold_run(RunFolder(Path(folder)), wait=True) as owned:
        report = read_report(folder)
        note_spent(report, owned)
        if command is not None:
            report.command = command
        write(report, folder)
    # As it is read again: with the words that JSON has for numbers as keys.
    return read_report(folder)
