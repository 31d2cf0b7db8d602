"""Documents that are long, deep or wide: nothing is read twice as slowly because it is twice as long."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.counts import Tried
from tests.fuzz.documents import DESCRIPTION_TREE, LOCK, PACKAGE_LIST_TREE, TOML
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


MANIFESTS = {
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
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest(name: str, tmp_path: Path, tried: Tried) -> None:
    file, text = MANIFESTS[name]
    path = tmp_path / file
    path.write_text(text)
    read(lambda: read_manifest(path))
    tried("large")


LOCKS = {
    "packages": LOCK + many(PACKAGE.replace('"adduser"', '"adduser{0}"'), 8000),
    "wrong packages": LOCK + many(PACKAGE.replace('"adduser"', '"Adduser{0}"'), 8000),
    "a long version": LOCK.replace("3.116ubuntu1", "1" * 1_000_000 + "-"),
    "a long path": LOCK.replace("pool/adduser_163000.deb", "a/" * 500_000),
    "a key of many parts": "a" + ".a" * 100_000 + " = 1\n" + LOCK,
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock(name: str, tried: Tried) -> None:
    read(lambda: read_lock(LOCKS[name], file="l"))
    tried("large")


FIRST = DESCRIPTION_TREE["groups"][0]
WIDE = {**FIRST, "requests": ["A"] * MANY, "architectures": ["x"] * MANY}
DESCRIPTIONS: dict[str, Callable[[], str]] = {
    "groups": lambda: with_groups([{**FIRST, "name": f"g{number}"} for number in range(MANY)]),
    "same groups": lambda: with_groups([FIRST] * MANY),
    "a wide group": lambda: with_groups([WIDE]),
    "deep": lambda: '{"format": 1, "groups": ' + "[" * 1_000_000,
    "digits": lambda: '{"format": ' + "9" * 1_000_000 + "}",
}


def with_groups(groups: list[Any]) -> str:
    """Return a description with other groups."""
    return json.dumps({**DESCRIPTION_TREE, "groups": groups})


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description(name: str, tmp_path: Path, tried: Tried) -> None:
    cache = CacheFolder(tmp_path)
    cache.description.write_text(DESCRIPTIONS[name]())
    read(lambda: read_description(cache))
    tried("large")


def test_a_package_list(tried: Tried) -> None:
    content = json.dumps(PACKAGE_LIST_TREE * MANY).encode()
    read(lambda: parse_list(content, "packages.json"))
    tried("large")


def read(reader: Callable[[], object]) -> None:
    """Read, or be refused, in bounded time; and the message can be made as well."""
    with bounded(LIMIT):
        try:
            reader()
        except PackageCacheError as error:
            str(error)
