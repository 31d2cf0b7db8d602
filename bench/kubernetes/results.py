"""What was measured: `bench/results/kubernetes.json`, one entry for each part, which its next measurement replaces."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from package_cache.errors import UsageError
from package_cache.filesystem.paths import write_atomically

FORMAT = 1


def read_parts(path: Path) -> dict[str, Any]:
    """Read the parts; none where there is no file. Raises `UsageError` where it is of another format."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("format") != FORMAT:
        raise UsageError(f"cannot read {path}: its format is not {FORMAT}", hint="remove it, and measure anew")
    parts: dict[str, Any] = document["parts"]
    return parts


def write_parts(path: Path, parts: Mapping[str, Any]) -> None:
    """Write them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, "parts": parts}, indent=1, ensure_ascii=False)
    write_atomically(path, text.encode() + b"\n")
