"""What `check --json` and `outdated --json` print, made by hand: with everything that they can hold."""

import json
from pathlib import Path
from typing import Any

DIGEST = "sha256:" + "ab" * 32


def envelope(verb: str, result: Any) -> dict[str, Any]:
    return {"format": 1, "verb": verb, "status": 0, "reason": "ok", "result": result}


def group(name: str, prediction: str = "hit", **fields: Any) -> dict[str, Any]:
    """Return the verdict on a group."""
    return {
        "name": name, "prediction": prediction, "status": 0, "reason": "ok", "packages": [], "bytes": 0, "message": "",
        "next_step": "", "reasons": [], "apt": "", "method": None, "recording": None, "method_note": None, "run": None,
        **fields,
    }  # fmt: skip


def missed(name: str, *reasons: str, message: str = "they cannot be combined") -> dict[str, Any]:
    texts = [{"obstacle": "other", "package": "", "needs": "", "here": "", "text": text} for text in reasons]
    return group(name, "miss", status=13, reason="no-plan", message=message, reasons=texts, next_step="lock --for")


def image(name: str, *groups: dict[str, Any], system: str = "ubuntu18.04", **fields: Any) -> dict[str, Any]:
    return {
        "name": name, "status": 0, "error": None, "checked": name, "system": system, "architecture": "amd64",
        "digest": DIGEST, "asked_digest": "", "groups": list(groups), **fields,
    }  # fmt: skip


def unreadable(name: str, message: str) -> dict[str, Any]:
    return {"name": name, "status": 14, "error": {"message": message, "details": "", "hint": None}}


def newer(name: str, locked: str, newest: str, security: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "name": name, "architecture": "amd64", "locked": locked, "newest": newest, "suites": ["bionic-updates"],
        "security": security, "groups": ["ssh"], "pinned": False, **fields,
    }  # fmt: skip


RUN = {"group": "ssh", "status": 0, "installed": 13, "agreed": True, "message": "installed", "method": None}
CHECK = envelope(
    "check",
    {
        "when": "2026-11-28T10:00:00+00:00",
        "images": [
            image("training", group("ssh", run=RUN), group("nfs", "already there")),
            image("vision", missed("ssh", "openssh-client needs libssl1.0.0 (>= 1.0.2): 1.0.1 is here"), group("nfs")),
            unreadable("lost", "cannot read docker://localhost:5000/lost:1: the registry does not answer"),
        ],
    },
)
OUTDATED = envelope(
    "outdated",
    {
        "when": "2026-11-29T10:00:00+00:00", "outdated": True, "packages": 2, "security": 1,
        "systems": [
            {
                "name": "ubuntu18.04", "architecture": "amd64", "support": {"ends": {}, "applies": None},
                "has_ended": True,
                "packages": [
                    newer("rpcbind", "0.2.3-0.6", "0.2.3-0.6ubuntu0.18.04.4", pinned=True, groups=["nfs"]),
                    newer("openssh-server", "1:7.6p1-4ubuntu0.5", "1:7.6p1-4ubuntu0.7", "1:7.6p1-4ubuntu0.7"),
                ],
            }
        ],
    },
)  # fmt: skip


def written(folder: Path, document: Any, name: str = "") -> Path:
    """Write a document into a file, named after its verb by default."""
    path = folder / (name or f"{document['verb']}.json")
    path.write_text(json.dumps(document))
    return path
