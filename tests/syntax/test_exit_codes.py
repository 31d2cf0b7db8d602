"""Scripts may rely on the exit statuses: each has a number of its own that neither a shell nor a signal uses."""

import re

from package_cache import errors
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus

PUBLISHED = """
0 installed, 1 internal, 2 usage, 3 bad-manifest, 4 bad-lock, 5 archive-unreachable, 6 not-verified,
7 precommand-failed, 8 tool-missing, 9 plugin-failed, 10 no-such-group, 11 not-for-system, 12 not-for-architecture,
13 no-plan, 14 registry-failed, 15 different, 16 outdated, 17 too-old, 18 not-contained, 19 not-recorded, 20 not-root,
21 no-dpkg, 22 dpkg-broken, 30 cache-missing, 31 cache-damaged, 32 cache-too-new, 33 not-trusted, 34 not-signed,
40 dpkg-locked, 41 no-space, 42 read-only, 50 install-failed, 130 interrupted"""
"""A number that scripts know may never come to mean something else: only add to them."""


def test_the_table_as_published() -> None:
    assert [f"{status.code} {status.reason}" for status in ExitStatus] == re.split(r",\s", PUBLISHED.strip())


def test_each_number_once_and_none_of_the_shells_and_each_says_what_to_do() -> None:
    """POSIX sh: 126 and 127 are commands that cannot run, above 128 are signals; 130 is SIGINT, rightly."""
    codes = [status.code for status in ExitStatus]
    assert len(set(codes)) == len(codes)
    assert all(0 <= code < 126 for code in codes if code != ExitStatus.INTERRUPTED.code)
    assert [status for status in ExitStatus if status.code == 0] == [ExitStatus.INSTALLED]
    assert all(status.meaning and status.next_step for status in ExitStatus)
    assert not any(status.is_clean_miss for status in (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED))


def test_every_error_of_the_family_has_a_status_that_is_no_success() -> None:
    family = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PackageCacheError)]
    assert len(family) > 5
    assert all(kind.status.code != 0 for kind in family)
