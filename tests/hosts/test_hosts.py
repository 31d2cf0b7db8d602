"""`./run hosts`: which hosts are chosen, and the table that it keeps in the README. Hosts are played by `.ci/run`."""

import pytest
from click.testing import CliRunner
from hosts.__main__ import ALL, BEGIN, END, README, Outcome, chosen_cells, main, read_results, table

from package_cache.errors import UsageError


def test_hosts_are_chosen_by_release_and_by_user_or_refused_with_the_hosts() -> None:
    chosen = " ".join(map(str, chosen_cells(["ubuntu26.04/sudo", "debian13"])))
    assert chosen == "debian13/root debian13/sudo debian13/container ubuntu26.04/sudo"
    assert chosen_cells([]) == list(ALL)
    with pytest.raises(UsageError, match=r"there is no host 'debian7'; the hosts: debian12/root, "):
        chosen_cells(["debian13", "debian7"])


def test_hosts_are_listed_without_running_anything() -> None:
    listed = CliRunner().invoke(main, ["--list", "ubuntu24.04"])
    assert listed.exit_code == 0
    assert listed.output.split() == ["ubuntu24.04/root", "ubuntu24.04/sudo", "ubuntu24.04/container"]


def test_the_table_says_what_worked_what_was_refused_and_what_failed() -> None:
    outcomes = [
        Outcome("debian13", "root", "demo", 0, 61, "all of this took 40.1 s"),
        Outcome("debian13", "root", "pod", 8, 1, "run: cannot run podman: 4.3 or newer is needed"),
        Outcome("debian13", "root", "tests", 1, 90, "1 failed, 8 passed"),
    ]
    assert table(outcomes).splitlines()[2:] == [
        "| Debian 13 | root | 61 s | refused: 4.3 or newer is needed | **failed** (status 1): 1 failed, 8 passed |"
    ]
    assert [outcome.good for outcome in outcomes] == [True, True, False]
    assert not Outcome("debian13", "root", "demo", 8, 1, "run: cannot go on: packages are missing").good


def test_the_table_in_the_readme_is_that_of_the_kept_results() -> None:
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == table(read_results()).strip()
    assert all(outcome.good for outcome in read_results())
