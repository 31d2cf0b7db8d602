"""Whatever the bytes of packages.json are, they are read or refused, fields named; no hash in them leads out."""

import os
from pathlib import Path

from hypothesis import example, given
from tests.fuzz.counts import Tried
from tests.fuzz.documents import PACKAGE_LIST
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded, check_told
from tests.fuzz.strategies import package_lists

from package_cache.cache.layout import CacheFolder
from package_cache.cache.package_list import list_text, parse_list
from package_cache.cli.formatting import in_bytes
from package_cache.errors import CacheError
from package_cache.exit_codes import ExitStatus

FILE = "groups/ssh-ubuntu18.04/packages.json"


def edited(old: str, new: str) -> bytes:
    """Return the list with something else in one place."""
    assert old in PACKAGE_LIST
    return PACKAGE_LIST.replace(old, new, 1).encode()


@fuzzed("package list")
@example(content=PACKAGE_LIST.encode())
@example(content=edited(f"{1:064x}", "../../pwned"))
@example(content=edited("163000", "1e400"))
@example(content=edited("163000", "-Infinity"))
@example(content=edited("163000", "9" * 400))
@example(content=b"{}")
@given(content=package_lists)
def test_package_list(tried: Tried, content: bytes) -> None:
    tried("package list")
    try:
        with bounded():
            packages = parse_list(content, FILE)
    except CacheError as error:
        assert error.status is ExitStatus.CACHE_DAMAGED
        check_told(error, FILE)
    else:
        assert parse_list(list_text(packages).encode(), FILE) == tuple(sorted(packages))
        in_bytes(sum(item.size for item in packages))
        cache = CacheFolder(Path("/cache"))
        for item in packages:
            assert Path(os.path.normpath(cache.package(item.sha256))).parent == cache.pool
