"""Tries of apt that follow each other at once."""

import pytest

from package_cache.sandbox import bootstrap


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tries as ever."""
    monkeypatch.setattr(bootstrap, "_APT_OPTIONS", (*bootstrap._APT_OPTIONS, 'Acquire::Retries::Delay "false"'))
