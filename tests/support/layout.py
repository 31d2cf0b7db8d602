"""What is in an OCI layout, read with nothing but the specification."""

import json
import tarfile
from pathlib import Path
from typing import Any


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def document(layout: Path, digest: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(blob(layout, digest).read_bytes())
    return found


def images(layout: Path) -> dict[str, dict[str, Any]]:
    """Return the manifests of the one image, by architecture."""
    (named,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    found = [named]
    if named["mediaType"].endswith("index.v1+json"):
        found = document(layout, named["digest"])["manifests"]
    manifests = [document(layout, one["digest"]) for one in found]
    return {document(layout, one["config"]["digest"])["architecture"]: one for one in manifests}


def entries(layout: Path, manifest: dict[str, Any]) -> list[tarfile.TarInfo]:
    found = []
    for layer in manifest["layers"]:
        with tarfile.open(blob(layout, layer["digest"])) as archive:
            found += archive.getmembers()
    return found


def unpacked(layout: Path, manifest: dict[str, Any], folder: Path) -> Path:
    """Unpack the layers of an image, one upon the other."""
    for layer in manifest["layers"]:
        with tarfile.open(blob(layout, layer["digest"])) as archive:
            archive.extractall(folder, filter="fully_trusted")
    return folder
