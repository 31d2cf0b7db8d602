"""Priorities and pins decide as in apt, although both repositories of these tests are on one host."""

import tomllib

import pytest
from tests.support.vendor import GROUP as ODD
from tests.support.vendor import Vendor
from tests.support.world import World

GROUP = ODD.replace("oddity", "tool")


@pytest.fixture(autouse=True)
def _tools(world: World, vendor: Vendor) -> None:
    """Both have `tool`, the vendor a newer one and one newer still."""
    world.add("tool", "1.0")
    vendor.add("tool", "2.0")
    vendor.add("tool", "3.0")
    vendor.archive.publish()


def tool(lock: str) -> tuple[str, str]:
    """Return the version and the repository of the package `tool` in a lock."""
    [system] = tomllib.loads(lock)["system"]
    [package] = [package for package in system["package"] if package["name"] == "tool"]
    return package["version"], package["repository"]


def pin(*packages: str, priority: int = 1001, **fields: str) -> str:
    names = ", ".join(f'"{name}"' for name in packages)
    rest = "".join(f'{name} = "{value}"\n' for name, value in fields.items())
    return f"\n[[pin]]\npackages = [{names}]\npriority = {priority}\n{rest}"


@pytest.mark.parametrize(
    ("priority", "version", "repository"),
    [(None, "3.0", "vendor"), (100, "1.0", "ubuntu"), (700, "3.0", "vendor"), (-1, "1.0", "ubuntu")],
)
def test_a_repositorys_priority(
    world: World, vendor: Vendor, key: str, priority: int | None, version: str, repository: str
) -> None:
    fields = [key, *([f"priority = {priority}"] if priority else [])]
    status, lock, err = vendor.lock(world, *fields, group=GROUP)
    assert (status, err) == (0, "")
    assert tool(lock) == (version, repository)


def test_a_package_that_only_a_low_priority_repository_has(world: World, vendor: Vendor, key: str) -> None:
    group = GROUP.replace('"tool"', '"tool", "oddity"')
    status, lock, err = vendor.lock(world, key, "priority = 100", group=group)
    assert (status, err) == (0, "")
    assert tool(lock) == ("1.0", "ubuntu")
    assert '"oddity_1.0_all"' in lock


@pytest.mark.parametrize(
    ("pins", "version"),
    [
        (pin("tool", version="2.0"), "2.0"),
        (pin("tool", version="2.*"), "2.0"),
        (pin("to?l", version="2.*"), "2.0"),
        (pin("tool", repository="ubuntu"), "1.0"),
        (pin("*", repository="ubuntu"), "1.0"),
        (pin("*", repository="ubuntu") + pin("tool", repository="vendor", priority=1002), "3.0"),
        (pin("tool", repository="vendor", priority=-1), "1.0"),
        (pin("tool", version="2.*") + pin("tool", repository="vendor", priority=-1), "2.0"),
        (pin("tool", repository="vendor", priority=-1) + pin("tool", version="2.*"), "1.0"),
        (pin("tool", version="9.*") + 'systems = ["debian12"]', "3.0"),  # which is not this one
    ],
)
def test_pins(world: World, vendor: Vendor, key: str, pins: str, version: str) -> None:
    status, lock, err = vendor.lock(world, key, pins, group=GROUP)
    assert (status, err) == (0, "")
    assert tool(lock)[0] == version


def test_a_pin_that_fits_nothing_is_an_error(world: World, vendor: Vendor, key: str) -> None:
    status, lock, err = vendor.lock(world, key, pin("tool", version="9.*") + pin("toool", version="1.*"), group=GROUP)
    path = world.folder / "package-cache.toml"
    limit = "where that is meant for other systems only, name them: systems = [...]"
    assert (status, lock) == (3, "")
    assert err == (
        "error: cannot lock this manifest\n"
        f"{path}:13:1: pin[0]: it pins tool to '9.*', and there is no such version in ubuntu18.04\n"
        f"    there are: 3.0, 2.0, 1.0; {limit}\n"
        f"{path}:18:1: pin[1]: it pins 'toool', and there is no such package in ubuntu18.04\n"
        f"    {limit}\n"
    )


def test_the_lock_is_the_same_whatever_a_release_file_says(world: World, vendor: Vendor, key: str) -> None:
    first = vendor.lock(world, key, "priority = 100", group=GROUP)
    assert (first[0], tool(first[1]), first[2]) == (0, ("1.0", "ubuntu"), "")
    assert vendor.lock(world, key, "priority = 100", group=GROUP) == first
    vendor.archive.origin = "ubuntu"
    vendor.republish()
    assert vendor.lock(world, key, "priority = 100", group=GROUP) == first
