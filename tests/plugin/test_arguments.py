"""A mistake in the init script is told to its author, with what to write instead."""

from typing import Any

import pytest

from package_cache import try_to_install_by_cache


@pytest.mark.parametrize(
    ("group", "fallback", "message"),
    [
        ("ssh", "apt-get update", r"write fallback_cmds=\['apt-get update'\]"),
        ("ssh", b"apt-get update", "must be a list"),
        ("ssh", None, "must be a list"),
        ("ssh", ["true", 1], r"fallback_cmds\[1\] must be a str with a shell command, not 1"),
        ("ssh", [["true"]], r"fallback_cmds\[0\]"),
        (None, [], "group_name must be a str such as 'ssh', not None"),
    ],
)
def test_wrong_types(group: Any, fallback: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        try_to_install_by_cache(group, fallback_cmds=fallback)


def test_a_nul_character_fits_in_no_shell() -> None:
    with pytest.raises(ValueError, match=r"fallback_cmds\[0\] holds a NUL"):
        try_to_install_by_cache("ssh", ["echo \0"])
