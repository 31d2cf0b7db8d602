"""An apt that is asked as if it were that of another machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from package_cache import process as run_module
from package_cache.apt.solver import Apt
from package_cache.process import Completed, run

STATUS = b"Package: tool\nMaintainer: J\xc3\xb6rg %s \\n $HOME `false` '\"\n\n" * 20_000
"""More than a word of a command, or a pipe, holds."""


class Recorder:
    """Runs commands here, and keeps what they left."""

    def __init__(self) -> None:
        self.ran: list[tuple[Sequence[str], Completed]] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
        done = run(argv, check=False, **options)
        self.ran.append((argv, done))
        return done

    @property
    def folder(self) -> Path:
        """The folder that the last `mktemp` made."""
        return Path(next(done.stdout.strip() for argv, done in reversed(self.ran) if argv[0] == "mktemp"))


def test_a_status_of_another_machine_is_written_at_once_as_it_is() -> None:
    runner = Recorder()
    with Apt(runner, "amd64").seeing(STATUS, b"marks"):
        assert (runner.folder / "status").read_bytes() == STATUS
        assert (runner.folder / "extended_states").read_bytes() == b"marks"
        assert len(runner.ran) <= 3
    assert not runner.folder.exists()


def test_what_cannot_be_written_is_told() -> None:
    class Full(Recorder):
        def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
            return super().__call__([word.replace("of=", "of=/dev/full/") for word in argv], **options)

    runner = Full()
    with pytest.raises(run_module.CommandError, match="dd"), Apt(runner, "amd64").seeing(b"", b""):
        pass
    assert not runner.folder.exists()


def test_more_versions_are_preferred_than_a_command_line_holds() -> None:
    runner = Recorder()
    with Apt(runner, "amd64").preferring([(f"package{number}", "1.0", "amd64") for number in range(60_000)]):
        folder = Path(runner.ran[0][1].stdout.strip())
        assert (folder / "00package-cache").read_text().count("Pin-Priority: 30000\n") == 60_000
    assert not folder.exists()
