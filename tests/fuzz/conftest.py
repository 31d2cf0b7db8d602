"""Each test's inputs are counted."""

from collections.abc import Iterator

import pytest
from tests.fuzz.effort import KEY, tried


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest) -> Iterator[None]:
    tried.clear()
    yield
    request.node.user_properties += [(KEY, [name, number]) for name, number in tried.items()]
