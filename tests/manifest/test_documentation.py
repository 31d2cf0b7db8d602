"""The examples in docs/manifests.md can be copied, and its table has every key there is."""

import re
from pathlib import Path

from tests.manifest.conftest import read
from tests.support.keys import throwaway_key

from package_cache.manifest.images import KEYS as IMAGE_KEYS
from package_cache.manifest.repositories import PIN_KEYS, REPOSITORY_KEYS
from package_cache.manifest.toml import GROUP_KEYS

TEXT = (Path(__file__).parents[2] / "docs" / "manifests.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(toml)?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_are_right() -> None:
    Path("keys").mkdir()
    throwaway_key().export(Path("keys/tools.asc"), armoured=True)
    columns = read(next(text for kind, text in BLOCKS if not kind), "columns")
    toml = read(next(text for kind, text in BLOCKS if kind))
    assert [group.name for group in columns.groups] == ["ssh", "ssh", "tool"]
    assert [group.version for group in toml.groups] == ["16.04", "18.04", "12", "18.04"]


def test_the_table_has_every_key_and_no_other() -> None:
    fields = re.findall(r"^\| `(group|repository|pin|image)\.([a-z-]+)`", TEXT, re.MULTILINE)
    for name, keys in {
        "group": GROUP_KEYS,
        "repository": REPOSITORY_KEYS,
        "pin": PIN_KEYS,
        "image": IMAGE_KEYS,
    }.items():
        assert {key for table, key in fields if table == name} == set(keys)
