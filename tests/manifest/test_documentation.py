"""The examples in docs/manifests.md can be copied, and its table has every key there is."""

import re
from pathlib import Path

import pytest
from tests.support.keys import throwaway_key

from package_cache.manifest import read_manifest
from package_cache.manifest.images import KEYS as IMAGE_KEYS
from package_cache.manifest.repositories import PIN_KEYS, REPOSITORY_KEYS
from package_cache.manifest.toml import GROUP_KEYS

TEXT = (Path(__file__).parents[2] / "docs" / "manifests.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(toml)?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys").mkdir()
    throwaway_key().export(Path("keys/tools.asc"), armoured=True)
    columns = next(text for kind, text in BLOCKS if not kind)
    toml = next(text for kind, text in BLOCKS if kind)
    Path("columns").write_text(columns, encoding="utf-8")
    Path("m.toml").write_text(toml, encoding="utf-8")
    assert [group.name for group in read_manifest(Path("columns")).groups] == ["ssh", "ssh", "tool"]
    assert [group.version for group in read_manifest(Path("m.toml")).groups] == ["16.04", "18.04", "12", "18.04"]


def test_the_table_has_every_key_and_no_other() -> None:
    fields = re.findall(r"^\| `(group|repository|pin|image)\.([a-z-]+)`", TEXT, re.MULTILINE)
    assert {key for table, key in fields if table == "group"} == set(GROUP_KEYS)
    assert {key for table, key in fields if table == "repository"} == set(REPOSITORY_KEYS)
    assert {key for table, key in fields if table == "pin"} == set(PIN_KEYS)
    assert {key for table, key in fields if table == "image"} == set(IMAGE_KEYS)
