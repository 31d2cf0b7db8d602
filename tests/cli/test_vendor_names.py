"""What vendors write that Debian's own packages do not: names that only dpkg accepts, and questions of debconf."""

from tests.support.keys import throwaway_key
from tests.support.vendor import Vendor
from tests.support.world import World

GROUP = '[[group]]\nname = "odd"\nsystems = ["ubuntu18.04"]\npackages = ["{}"]\n'


def made(world: World, vendor: Vendor, package: str, more: str = "") -> tuple[str, str]:
    """Lock and build a group of this package; give its group file, and all warnings."""
    vendor.add("odd_part")
    vendor.add("x", "1:2:3")
    vendor.add("BIG-Name")
    vendor.add("needy", depends="odd_part (>= 1) | oddity, x, big-name", Pre_Depends="odd_part")
    vendor.republish()
    throwaway_key("vendor").export(world.folder / "vendor.asc", armoured=True)
    status, _, warnings = vendor.lock(world, 'key = "vendor.asc"', group=GROUP.format(package) + more)
    assert status == 0, warnings
    manifest = str(world.folder / "package-cache.toml")
    status, _, err = world.build("--manifest", manifest)
    assert status == 0, err
    assert world.run("verify", "--cache", str(world.cache))[0] == 0
    assert world.run("sbom", "--cache", str(world.cache))[0] == 0
    assert world.online("outdated", "--manifest", manifest)[0] == 0
    return (world.cache / "groups/odd-ubuntu18.04/amd64.group").read_text(), warnings


def test_a_dependency_whose_name_only_dpkg_accepts(world: World, vendor: Vendor) -> None:
    text, warnings = made(world, vendor, "needy")
    assert "Policy" not in warnings
    assert "pre-dependency odd_part\n" in text
    index = (world.cache / "groups/odd-ubuntu18.04/Packages").read_text()
    assert [line for line in index.splitlines() if line.startswith(("Package: ", "Version: "))] == [
        "Package: BIG-Name", "Version: 1.0", "Package: needy", "Version: 1.0",
        "Package: odd_part", "Version: 1.0", "Package: x", "Version: 1:2:3",
    ]  # fmt: skip


def test_one_that_is_asked_for_by_such_a_name(world: World, vendor: Vendor) -> None:
    text, warnings = made(world, vendor, "odd_part")
    assert "package odd_part\n" in text
    assert "'odd_part' is no package name by Debian Policy 5.6.7, but dpkg accepts it" in warnings


def test_answers_to_debconf_reach_the_groups_folder(world: World, vendor: Vendor) -> None:
    answer = '[[group.debconf]]\npackage = "x"\nquestion = "x/where"\ntype = "string"\nvalue = "here and  there"\n'
    text, _ = made(world, vendor, "needy", answer)
    assert "debconf x x/where string here and  there\n" in text
    status, _, err = vendor.lock(world, 'key = "vendor.asc"', group=GROUP.format("oddity") + answer)
    assert status == 3
    assert "the group does not install 'x'\n    name one of the packages that it installs" in err
