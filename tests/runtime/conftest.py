"""A pod for each test."""

from pathlib import Path

import pytest
from tests.runtime.pod import Pod


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)
