"""Which podman plays pods: an older one is told, not tried."""

import os
from pathlib import Path

import pytest
from containers.podman import can_run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="podman is run as root here, and this user is not")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("podman version 3.4.4", "podman 4.3 or newer is needed; this is 3.4.4"),
        ("podman version 4.3.1", None),
        ("podman version 5.0.0-dev", None),
        ("no number", "podman 4.3 or newer is needed; this is no number"),
    ],
)
def test_an_older_podman(said: str, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "podman").write_text(f"#!/bin/sh\necho {said}\n")
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert can_run() == reason
