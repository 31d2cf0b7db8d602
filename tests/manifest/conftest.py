"""Manifests in the current folder, and what is wrong with them."""

from pathlib import Path

import pytest

from package_cache.errors import ManifestError
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Manifest


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes, name: str = "m.toml") -> Manifest:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_manifest(Path(name))


def problems(text: str | bytes, name: str = "m.toml") -> list[str]:
    """Return what is wrong with a manifest, each with its hint behind an arrow."""
    with pytest.raises(ManifestError) as caught:
        read(text, name)
    return [str(problem).replace("\n    ", " -> ") for problem in caught.value.problems]
