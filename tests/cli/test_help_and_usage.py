"""What the command says of itself, and of a command line that makes no sense."""

import pytest
from tests.support.world import World, refused

VERBS = (
    "lock", "build", "check", "image", "stage", "install", "list", "show", "verify", "diff", "outdated", "gc", "sbom",
)  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(world: World, verb: str) -> None:
    status, out, _ = world.run(verb, "--help")
    assert status == 0
    assert "Examples:\n" in out
    assert f"package-cache {verb}" in out
    assert "--json" in out


def test_wrong_usage_exits_with_2(world: World) -> None:
    refused(world.run("stage", "ssh"), 2, "--to")
    assert world.run("build", "--mirror", "nonsense")[0] == 2
