"""What the system refuses while something is written is one line that names the file and the reason."""

import errno
import os

import pytest

from keras_kd.cli.common import Commands
from keras_kd.utils.errors import MachineError, UserError
from keras_kd.utils.files import UNWRITABLE, atomic_write, explained

NUMBERS = sorted(set(errno.errorcode) - {errno.EPIPE, errno.EINTR, errno.ECONNRESET, errno.ECONNREFUSED})


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: errno.errorcode[number])
def test_every_error_of_the_system_is_one_line(tmp_path, number):
    error = OSError(number, os.strerror(number))
    if isinstance(error, ConnectionError | InterruptedError):
        return
    with pytest.raises(UserError) as caught, atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert str(caught.value).startswith(f"{tmp_path / 'a.txt'}: ") and "\n" not in str(caught.value)
    # Nothing is known of the work where the machine is at fault.
    assert isinstance(caught.value, MachineError) == (number not in UNWRITABLE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the quota of the disk is used up"),
        (errno.EFBIG, "the file would be larger than is allowed here"),
        (errno.EIO, "the disk fails"),
        (errno.EBUSY, "Device or resource busy"),
        (errno.ESTALE, os.strerror(errno.ESTALE)),
    ],
)
def test_the_reason_is_the_systems_own(number, said):
    found = explained("a.txt", OSError(number, os.strerror(number)))
    assert str(found) == f"a.txt: {said}, so it was not written; fix that and give the same command again"


def test_an_error_of_a_library_without_a_number_is_told():
    found = explained("a.keras", OSError("Unable to create file\nand more"))
    assert str(found).startswith("a.keras: Unable to create file, so it was not written")


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EBUSY, errno.EROFS, errno.ENAMETOOLONG])
def test_a_command_ends_in_one_line_whatever_the_system_refuses(capsys, number):
    group = Commands("x")

    @group.command("go")
    def go():
        raise OSError(number, os.strerror(number), "there/a.txt")

    with pytest.raises(SystemExit) as end:
        group.main(["go"], prog_name="x")
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.count("\n") == 1 and "there/a.txt" in said


def test_a_file_larger_than_is_allowed(tmp_path):
    """In a process of its own, whose limit is the system's."""
    import subprocess
    import sys

    program = (
        "import resource, signal, sys\n"
        "from keras_kd.utils.files import atomic_write\n"
        "from keras_kd.utils.errors import MachineError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with atomic_write(sys.argv[1]) as temporary:\n"
        "        temporary.write_bytes(bytes(2000))\n"
        "except MachineError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "big"], capture_output=True, text=True)
    assert done.stdout.startswith(f"{tmp_path / 'big'}: the file would be larger than is allowed here"), done.stderr
    assert list(tmp_path.iterdir()) == []
