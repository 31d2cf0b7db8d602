"""What vendors write that Debian's own packages do not: names that only dpkg accepts, and questions of debconf."""

from tests.support.vendor import GROUP, Vendor
from tests.support.world import World, refused

NEEDY = GROUP.replace("oddity", "needy")


def made(world: World, vendor: Vendor, key: str, group: str) -> tuple[str, str]:
    """Lock and build this group; give its group file, and all warnings."""
    for name, version in (("odd_part", "1.0"), ("x", "1:2:3"), ("BIG-Name", "1.0")):
        vendor.add(name, version)
    vendor.add("needy", depends="odd_part (>= 1) | oddity, x, big-name", Pre_Depends="odd_part")
    vendor.republish()
    status, _, warnings = vendor.lock(world, key, group=group)
    assert status == 0, warnings
    assert world.build()[0] == 0
    for verb in ("verify", "sbom"):
        assert world.run(verb, "--cache", str(world.cache))[0] == 0
    assert world.online("outdated")[0] == 0
    return (world.cache / "groups/odd-ubuntu18.04/amd64.group").read_text(), warnings


def test_a_dependency_whose_name_only_dpkg_accepts(world: World, vendor: Vendor, key: str) -> None:
    text, warnings = made(world, vendor, key, NEEDY)
    assert "Policy" not in warnings
    assert "pre-dependency odd_part\n" in text
    index = (world.cache / "groups/odd-ubuntu18.04/Packages").read_text()
    assert [line for line in index.splitlines() if line.startswith(("Package: ", "Version: "))] == [
        "Package: BIG-Name", "Version: 1.0", "Package: needy", "Version: 1.0",
        "Package: odd_part", "Version: 1.0", "Package: x", "Version: 1:2:3",
    ]  # fmt: skip


def test_one_that_is_asked_for_by_such_a_name(world: World, vendor: Vendor, key: str) -> None:
    text, warnings = made(world, vendor, key, GROUP.replace("oddity", "odd_part"))
    assert "package odd_part\n" in text
    assert "'odd_part' is no package name by Debian Policy 5.6.7, but dpkg accepts it" in warnings


def test_answers_to_debconf_reach_the_groups_folder(world: World, vendor: Vendor, key: str) -> None:
    answer = '[[group.debconf]]\npackage = "x"\nquestion = "x/where"\ntype = "string"\nvalue = "here and  there"\n'
    assert "debconf x x/where string here and  there\n" in made(world, vendor, key, NEEDY + answer)[0]
    told = "the group does not install 'x'\n    name one of the packages that it installs"
    refused(vendor.lock(world, key, group=GROUP + answer), 3, told)
