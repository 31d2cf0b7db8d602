"""A lock written and read again is the same lock, and the same lock always has the same text."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from package_cache.debconf import DebconfAnswer
from package_cache.lock import model
from package_cache.lock.file import lock_text, read_lock
from package_cache.names import ARCHITECTURE, GROUP_NAME, PACKAGE_NAME, SHA256, VERSION
from package_cache.system import SYSTEM_NAME, System

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # making a failing lock smaller takes minutes

printable = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co", "Z")), min_size=1, max_size=20)
package_names = st.from_regex(PACKAGE_NAME, fullmatch=True).filter(lambda name: not name.endswith("-"))
versions = st.from_regex(VERSION, fullmatch=True)
architectures = st.from_regex(ARCHITECTURE, fullmatch=True)
groups_names = st.from_regex(GROUP_NAME, fullmatch=True)
values = st.just("") | printable.filter(lambda text: text[-1] != "\\")
answers = st.builds(DebconfAnswer, package_names, st.just("a/b"), st.just("string"), values)
any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@st.composite
def locked_systems(draw: st.DrawFn, name: str) -> model.LockedSystem:
    system = System.parse(name, draw(architectures))
    uris = st.none() | st.from_regex(r"[a-z][a-z0-9+.-]{0,9}://?[a-zA-Z0-9._~:/%+-]{0,20}", fullmatch=True)
    repositories = tuple(
        model.LockedRepository(name, draw(uris)) for name in sorted(draw(st.sets(any_text, min_size=1, max_size=3)))
    )
    package = st.builds(
        model.LockedPackage,
        package_names,
        versions,
        architectures,
        st.integers(1, 2**63 - 1),
        st.from_regex(SHA256, fullmatch=True),
        st.sampled_from([repository.name for repository in repositories]),
        printable.filter(lambda path: not path.startswith("/") and ".." not in path.split("/")),
        st.just("") | package_names | st.builds("{} ({})".format, package_names, versions),
    )
    packages = draw(st.lists(package, max_size=4, unique_by=lambda item: item.key))
    keys = [package.key for package in packages]
    some_keys = st.sets(st.sampled_from(keys) if keys else st.nothing()).map(lambda found: tuple(sorted(found)))
    image = st.builds(model.LockedImage, groups_names) | st.builds(model.LockedImage, groups_names, any_text)
    image |= st.builds(model.LockedImage, groups_names, st.just(""), any_text)
    images = draw(st.lists(image, max_size=2, unique_by=lambda item: item.name))
    sets = [st.builds(model.ImageSet, st.just(item.name), some_keys) for item in sorted(images)]
    group = st.builds(
        model.LockedGroup,
        groups_names,
        st.lists(package_names, min_size=1, max_size=3).map(tuple),
        some_keys,
        st.lists(printable.map(lambda path: f"/{path}"), max_size=2).map(tuple),
        st.booleans(),
        st.just(()) | st.tuples(*sets),
        some_keys,
        st.lists(answers, max_size=2).map(tuple),
    )
    groups = draw(st.lists(group, max_size=3, unique_by=lambda item: item.name))
    return model.LockedSystem(
        system, repositories, tuple(sorted(groups)), tuple(sorted(packages)), tuple(sorted(images))
    )


@st.composite
def locks(draw: st.DrawFn) -> model.Lock:
    names = draw(st.sets(st.from_regex(SYSTEM_NAME, fullmatch=True), max_size=3))
    systems = [draw(locked_systems(name)) for name in names]
    return model.Lock(draw(any_text), draw(any_text), tuple(sorted(systems, key=lambda item: item.system)))


@settings(deadline=None, phases=PHASES, max_examples=60)
@given(locks())
def test_what_is_written_is_read(lock: model.Lock) -> None:
    read = read_lock(lock_text(lock), file="package-cache.lock")
    assert (read, lock_text(read)) == (lock, lock_text(lock))


@settings(deadline=None, phases=PHASES, max_examples=30)
@given(locks(), st.randoms())
def test_the_order_in_memory_does_not_show(lock: model.Lock, random: Random) -> None:
    def mixed(items: Any) -> Any:
        return tuple(random.sample(items, len(items)))

    fields = ("repositories", "groups", "packages", "images")
    systems = [
        replace(locked, **{name: mixed(getattr(locked, name)) for name in fields}) for locked in mixed(lock.systems)
    ]
    assert lock_text(replace(lock, systems=tuple(systems))) == lock_text(lock)
