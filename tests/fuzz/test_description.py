"""Whatever the bytes of package-cache.json are, it is read or refused, fields named; no name in it leads out."""

import json
import os
from pathlib import Path

from hypothesis import example, given
from tests.fuzz.counts import Tried
from tests.fuzz.documents import DESCRIPTION, DESCRIPTION_TREE
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded, check_told
from tests.fuzz.strategies import descriptions

from package_cache.cache.description import Description, read_description
from package_cache.cache.layout import CacheFolder, group_folder
from package_cache.cli.formatting import in_bytes
from package_cache.errors import CacheError
from package_cache.exit_codes import ExitStatus


def edited(old: str, new: str) -> bytes:
    """Return the description with something else in one place."""
    assert old in DESCRIPTION
    return DESCRIPTION.replace(old, new, 1).encode()


@fuzzed("description")
@example(content=DESCRIPTION.encode())
@example(content=edited('"ubuntu16.04"', '"/../../../pwned"'))
@example(content=edited('"Packages"', '"../../../pwned"'))
@example(content=edited(f"{1:064x}", "../../pwned"))
@example(content=edited("495000", "1e400"))
@example(content=edited("495000", "-Infinity"))
@example(content=edited("495000", "9" * 400))
@example(content=edited('"format": 1', '"format": true'))
@example(content=edited('"package_cache_info"', '"\\ud800"'))
@example(content=edited('"ssh"', '"a\\u0000"'))
@example(content=json.dumps({**DESCRIPTION_TREE, "groups": DESCRIPTION_TREE["groups"] * 2}).encode())
@given(content=descriptions)
def test_description(tmp_path: Path, tried: Tried, content: bytes) -> None:
    tried("description")
    cache = CacheFolder(tmp_path)
    cache.description.write_bytes(content)
    try:
        with bounded():
            description = read_description(cache)
    except CacheError as error:
        assert error.status in (ExitStatus.CACHE_DAMAGED, ExitStatus.CACHE_TOO_NEW)
        check_told(error, str(cache.description))
    else:
        check_read(description, cache)


def check_read(description: Description, cache: CacheFolder) -> None:
    """Check that it can be written and read alike, can be shown, and leads nowhere but into the cache's own folders."""
    description.write(cache)
    assert read_description(cache) == description
    in_bytes(description.size)
    folders = [cache.path / group_folder(group.name, group.system) for group in description.groups]
    assert len(set(folders)) == len(folders)
    for group, folder in zip(description.groups, folders, strict=True):
        check_below(folder, cache.path / "groups")
        for name in group.files:
            check_below(folder / name, folder)


def check_below(path: Path, folder: Path) -> None:
    """Check that a path lies in a folder, not deeper, and that a file system takes it."""
    assert Path(os.path.normpath(path)).parent == folder
    assert not path.exists()
