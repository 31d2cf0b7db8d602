"""How package files are cut into layers: few, and a change touches few of them."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from package_cache.image.layers import MOST_LAYERS, PooledPackage, cut

SYSTEMS = ("ubuntu16.04", "ubuntu18.04", "debian12")


def many(groups: int, packages: int, seed: int = 1) -> list[PooledPackage]:
    """Return packages of many sizes: some that all groups of a system need, the others for one group alone."""
    chance = random.Random(seed)
    made = []
    for number in range(packages):
        system = chance.choice(SYSTEMS)
        users = range(groups) if number % 5 == 0 else [chance.randrange(groups)]
        size = int(chance.lognormvariate(11.5, 1.5))
        groups_of = frozenset((f"g{user}", system) for user in users)
        made.append(PooledPackage(f"{number:064x}", size, f"package-{number}", groups_of))
    return made


def contents(packages: list[PooledPackage]) -> set[frozenset[str]]:
    """Return what each layer holds: the same hashes are the same bytes."""
    return {frozenset(package.sha256 for package in layer.packages) for layer in cut(packages)}


def check_cut(packages: list[PooledPackage]) -> None:
    """Check that each package is in one layer, and that there are never more than a runtime mounts."""
    layers = cut(packages)
    assert len(layers) <= MOST_LAYERS
    assert all(layer.packages for layer in layers)
    held = [package.sha256 for layer in layers for package in layer.packages]
    assert sorted(held) == sorted(package.sha256 for package in packages)
    assert cut(packages[::-1]) == layers


@pytest.mark.parametrize(("groups", "packages"), [(6, 400), (1000, 20_000), (300, 300)])
def test_each_package_is_in_one_of_few_layers(groups: int, packages: int) -> None:
    check_cut(many(groups, packages))


def test_what_one_group_alone_needs_is_not_beside_what_another_needs_where_both_are_large() -> None:
    own = [
        PooledPackage(f"{number:064x}", 900_000, f"p{number}", frozenset({(f"g{number % 2}", "debian12")}))
        for number in range(20)
    ]
    for layer in cut(own):
        assert len({package.users for package in layer.packages}) == 1


def test_an_updated_package_changes_the_layer_that_it_is_in() -> None:
    packages = many(6, 400)
    before = contents(packages)
    for number, package in enumerate(packages):
        updated = replace(package, sha256=f"{10_000 + number:064x}", size=package.size + 4096)
        after = contents([*packages[:number], updated, *packages[number + 1 :]])
        assert len(after - before) <= 2  # two, where its layer is now too large and is halved


def test_a_package_more_or_less_changes_one_place() -> None:
    packages = many(6, 400)
    before = contents(packages)
    for number in range(0, 400, 7):
        fewer = contents([*packages[:number], *packages[number + 1 :]])
        assert len(fewer - before) <= 1  # what is left of its layer, or that with its other half


def recorded(package: PooledPackage, status: str) -> PooledPackage:
    """Return a recording of the group that alone needs a package."""
    ((group, system),) = package.users
    name = f"recording.amd64.{status * 64}.deb"
    return PooledPackage(status * 64, 300_000, name, package.users, f"groups/{group}-{system}")


def test_a_new_recording_changes_one_layer_of_its_group() -> None:
    """A node pulls that one again, and the layer of indexes."""
    packages = many(6, 400)
    own = [package for package in packages if len(package.users) == 1]
    packages.append(recorded(own[0], "a"))
    before = contents(packages)
    for package in own[::5]:
        new = recorded(package, "b")
        check_cut([*packages, new])
        changed = contents([*packages, new]) - before
        pulled = frozenset().union(*changed) - {new.sha256}
        assert not pulled or pulled in before  # in parts, where its layer is now too large and is halved


NAMES = st.one_of(st.text("ab", min_size=1, max_size=3), st.text(min_size=1, max_size=300))
USERS = st.frozensets(st.tuples(NAMES, st.sampled_from(SYSTEMS)), min_size=1, max_size=4)
SIZES = st.one_of(st.integers(0, 10), st.integers(0, 1 << 22), st.integers(0, 1 << 50))


@st.composite
def pools(draw: st.DrawFn) -> list[PooledPackage]:
    """Return packages of any names, also of the same name, and of any sizes; repeated, so that they are many."""
    some = draw(st.lists(st.tuples(NAMES, SIZES, USERS), max_size=30))
    times = draw(st.integers(1, 20))
    return [
        PooledPackage(f"{number:064x}", size, f"{name}{number % times}", users)
        for number, (name, size, users) in enumerate(some * times)
    ]


@given(pools())
@settings(max_examples=150, deadline=None)
def test_each_package_is_in_one_of_few_layers_whatever_the_names_and_sizes(packages: list[PooledPackage]) -> None:
    check_cut(packages)


@given(pools(), st.data())
@settings(max_examples=100, deadline=None)
def test_new_bytes_of_the_same_size_change_one_layer(packages: list[PooledPackage], data: st.DataObject) -> None:
    if packages:
        number = data.draw(st.integers(0, len(packages) - 1))
        updated = replace(packages[number], sha256="f" * 64)
        assert len(contents([*packages[:number], updated, *packages[number + 1 :]]) - contents(packages)) == 1
