"""A system is named as os-release(5) names it, and its name parts from a group's at the last hyphen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from package_cache.names import GROUP_NAME
from package_cache.system import SYSTEM_NAME, System


@pytest.mark.parametrize(
    ("name", "distribution", "version"),
    [("ubuntu16.04", "ubuntu", "16.04"), ("debian12", "debian", "12"), ("linuxmint21.3", "linuxmint", "21.3")],
)
def test_names_of_os_releases(name: str, distribution: str, version: str) -> None:
    system = System.parse(name)
    assert system == System(distribution, version, "amd64")
    assert (system.name, str(system)) == (name, f"{name} amd64")


@pytest.mark.parametrize(
    "name",
    ["", "ubuntu", "18.04", "Ubuntu18.04", "ubuntu-18.04", "ubuntu 18.04", "ubuntu18.", "ubuntu18..04", "bionic\n",
     "ubuntu18.04\n", "ubuntu18.04/..", "ubuntu١٨"],
)  # fmt: skip
def test_what_is_no_os_release_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(ValueError, match=r": write one like ubuntu18\.04 or debian12$"):
        System.parse(name)


@given(st.from_regex(GROUP_NAME, fullmatch=True), st.from_regex(SYSTEM_NAME, fullmatch=True))
def test_a_groups_folder_names_exactly_one_group_and_system(group: str, system: str) -> None:
    """The cache names folders `<group>-<system>`: no two pairs may share one, whatever hyphens a group has."""
    assert f"{group}-{system}".rpartition("-")[::2] == (group, system)
