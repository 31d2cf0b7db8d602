"""Documents that are long, deep or wide: nothing is read twice as slowly because it is twice as long."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.documents import DESCRIPTION_TREE, LOCK, PACKAGE_LIST_TREE, TOML
from tests.fuzz.effort import tried
from tests.fuzz.law import bounded

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.package_list import parse_list
from package_cache.errors import PackageCacheError
from package_cache.lock.file import read_lock
from package_cache.manifest import read_manifest

LIMIT = 3.0
"""Seconds of CPU time; all of these take less than one, and took more than ten where a loop was in a loop."""

MANY = 10_000
GROUP = '[[group]]\nname = "g{0}"\nsystems = ["ubuntu18.04"]\npackages = ["ab"]\n'
REPOSITORY = '[[repository]]\nname = "r{0}"\nuris = ["file:/x"]\nsuite = "./"\nallow-unsigned = true\n'
PACKAGE = LOCK[
    LOCK.index("[[system.package]]") : LOCK.index("[[system.package]]", LOCK.index("[[system.package]]") + 1)
]


def many(line: str, count: int = MANY) -> str:
    """Return a line many times, numbered."""
    return "".join(line.format(number) for number in range(count))


FIRST = DESCRIPTION_TREE["groups"][0]
WIDE = {**FIRST, "requests": ["A"] * MANY, "architectures": ["x"] * MANY}
NAMED = [{**FIRST, "name": f"g{number}"} for number in range(MANY)]
READERS: dict[str, Callable[[Path], object]] = {
    "m": read_manifest,
    "m.toml": read_manifest,
    "lock": lambda path: read_lock(path.read_text(), file="l"),
    "package-cache.json": lambda path: read_description(CacheFolder(path.parent)),
    "packages.json": lambda path: parse_list(path.read_bytes(), path.name),
}
DOCUMENTS: dict[str, tuple[str, Any]] = {
    "lines": ("m", many("g{0},ubuntu18.04,ab cd\n")),
    "wrong lines": ("m", many("G{0},Ubuntu18,AB\n")),
    "lines with NUL": ("m", "\0\n" * MANY),
    "packages": ("m", "g,ubuntu18.04," + many(" ab{0}")),
    "one package": ("m", "g,ubuntu18.04," + "a" * 1_000_000),
    "one version": ("m", "g,ubuntu18.04,ab=" + "1" * 1_000_000 + "!"),
    "commas": ("m", "," * 1_000_000),
    "tables": ("m.toml", many(GROUP, 8000)),
    "wrong tables": ("m.toml", many(GROUP.replace("ab", "AB").replace("g{0}", "G{0}"), 8000)),
    "repositories": ("m.toml", GROUP.format(0) + many(REPOSITORY, 8000)),
    "unknown keys": ("m.toml", many("key{0} = 1\n")),
    "a long key": ("m.toml", "a" * 1_000_000 + " = 1\n"),
    "a long unknown key": ("m.toml", GROUP.format(0) + "b" * 1_000_000 + " = 1\n"),
    "a key of many parts": ("m.toml", "a" + ".a" * 100_000 + " = 1\n"),
    "a quoted key of many parts": ("m.toml", '"a"' + " . 'a'" * 100_000 + " = 1\n"),
    "a table of many parts": ("m.toml", "[a" + ".a" * 100_000 + "]\n"),
    "open brackets": ("m.toml", "a = " + "[" * 1_000_000),
    "open tables": ("m.toml", "a = " + "{a=" * 1_000_000),
    "quotes": ("m.toml", "a = '''" + "''" * 500_000),
    "escapes": ("m.toml", TOML + 'x = "' + '\\"' * 500_000 + '"\n'),
    "comments": ("m.toml", TOML + "# c\n" * 200_000),
    "a lock: packages": ("lock", LOCK + many(PACKAGE.replace('"adduser"', '"adduser{0}"'), 8000)),
    "a lock: wrong packages": ("lock", LOCK + many(PACKAGE.replace('"adduser"', '"Adduser{0}"'), 8000)),
    "a lock: a long version": ("lock", LOCK.replace("3.116ubuntu1", "1" * 1_000_000 + "-")),
    "a lock: a long path": ("lock", LOCK.replace("pool/adduser_163000.deb", "a/" * 500_000)),
    "a lock: a key of many parts": ("lock", "a" + ".a" * 100_000 + " = 1\n" + LOCK),
    "groups": ("package-cache.json", {**DESCRIPTION_TREE, "groups": NAMED}),
    "same groups": ("package-cache.json", {**DESCRIPTION_TREE, "groups": [FIRST] * MANY}),
    "a wide group": ("package-cache.json", {**DESCRIPTION_TREE, "groups": [WIDE]}),
    "deep": ("package-cache.json", '{"format": 1, "groups": ' + "[" * 1_000_000),
    "digits": ("package-cache.json", '{"format": ' + "9" * 1_000_000 + "}"),
    "a list of packages": ("packages.json", PACKAGE_LIST_TREE * MANY),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_large_document(name: str, tmp_path: Path) -> None:
    """Read, or be refused, in bounded time; and the message can be made as well."""
    file, content = DOCUMENTS[name]
    (tmp_path / file).write_text(content if isinstance(content, str) else json.dumps(content))
    with bounded(LIMIT):
        try:
            READERS[file](tmp_path / file)
        except PackageCacheError as error:
            str(error)
    tried["large"] += 1
