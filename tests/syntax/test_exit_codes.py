"""Scripts may rely on the exit statuses: each has a number of its own that neither a shell nor a signal uses."""

from package_cache import errors
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus


def test_the_table_as_published() -> None:
    """A number that scripts know may never come to mean something else: only add lines here."""
    assert {status.reason: status.code for status in ExitStatus} == {
        "installed": 0,
        "internal": 1,
        "usage": 2,
        "bad-manifest": 3,
        "bad-lock": 4,
        "archive-unreachable": 5,
        "not-verified": 6,
        "precommand-failed": 7,
        "tool-missing": 8,
        "plugin-failed": 9,
        "no-such-group": 10,
        "not-for-system": 11,
        "not-for-architecture": 12,
        "no-plan": 13,
        "registry-failed": 14,
        "different": 15,
        "outdated": 16,
        "too-old": 17,
        "not-contained": 18,
        "not-root": 20,
        "no-dpkg": 21,
        "dpkg-broken": 22,
        "cache-missing": 30,
        "cache-damaged": 31,
        "cache-too-new": 32,
        "dpkg-locked": 40,
        "no-space": 41,
        "read-only": 42,
        "install-failed": 50,
        "interrupted": 130,
    }


def test_each_number_once_and_none_of_the_shells() -> None:
    """POSIX sh: 126 and 127 are commands that cannot run, above 128 are signals; 130 is SIGINT, rightly."""
    codes = [status.code for status in ExitStatus]
    assert len(set(codes)) == len(codes)
    assert all(0 <= code < 126 for code in codes if code != ExitStatus.INTERRUPTED.code)


def test_success_is_only_one_and_no_miss() -> None:
    assert [status for status in ExitStatus if status.code == 0] == [ExitStatus.INSTALLED]
    assert not any(status.is_clean_miss for status in (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED))


def test_every_status_says_what_to_do() -> None:
    assert all(status.meaning and status.next_step for status in ExitStatus)


def test_every_error_of_the_family_has_a_status_that_is_no_success() -> None:
    family = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PackageCacheError)]
    assert len(family) > 5
    assert all(kind.status.code != 0 for kind in family)
