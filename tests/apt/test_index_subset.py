"""The small copy of apt's lists: it has what plans need, nothing else, and plans come out as from the whole lists."""

from collections.abc import Iterator

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

from package_cache.apt.isolated import AptRoot, Source
from package_cache.apt.solver import NoPlanError
from package_cache.names import PackageRequest

PACKAGES: dict[str, dict[str, str]] = {
    "editor": {"depends": "speller | dictionary, interface"},
    "speller": {"depends": "words (>= 2)"},
    "dictionary": {},
    "words": {"version": "2.0"},
    "console": {"Provides": "interface", "Recommends": "fonts"},
    "window": {"Provides": "interface"},
    "fonts": {},
    "game": {"depends": "window", "Conflicts": "editor"},
    "viewer": {"depends": "missing-library"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AptRoot]:
    folder = tmp_path_factory.mktemp("narrow")
    archive = SignedArchive(folder / "archive")
    archive.add(make_deb(folder / "debs", "words", "1.0"))
    for name, fields in PACKAGES.items():
        archive.add(make_deb(folder / "debs", name, **fields))  # type: ignore[arg-type]
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        source = Source("test", (server.uri,), ("stable",), ("main",), archive.keyring)
        root = AptRoot(folder / "state", ["amd64"], [source])
        root.update()
        yield root


def requests(*names: str) -> list[PackageRequest]:
    return [PackageRequest.parse(name) for name in names]


@pytest.mark.parametrize("recommends", [False, True])
@pytest.mark.parametrize(
    "wanted", [["editor"], ["console", "words"], ["words=1.0"], ["game"], ["editor", "window"]], ids=" ".join
)
def test_a_plan_is_the_same(wanted: list[str], recommends: bool, root: AptRoot) -> None:
    others = requests("editor", "console", "game", "words=1.0")
    with root.narrowed([*requests(*wanted), *others], recommends=recommends) as narrow:
        assert narrow is not root.apt
        plan = narrow.plan(requests(*wanted), recommends=recommends)
    assert plan == root.apt.plan(requests(*wanted), recommends=recommends)


def test_it_holds_what_a_chain_of_dependencies_reaches_with_all_versions(root: AptRoot) -> None:
    with root.narrowed(requests("editor"), recommends=False) as narrow:
        assert narrow.names() == {"editor", "speller", "dictionary", "words", "console", "window"}
        assert narrow.versions("words") == ["2.0", "1.0"]
    with root.narrowed(requests("editor"), recommends=True) as narrow:
        assert "fonts" in narrow.names()


def test_a_name_that_is_not_known_keeps_no_other_from_being_planned(root: AptRoot) -> None:
    with root.narrowed(requests("editor", "editr"), recommends=False) as narrow:
        assert narrow.plan(requests("editor")) == root.apt.plan(requests("editor"))
        with pytest.raises(NoPlanError, match="editr"):
            narrow.plan(requests("editr"))


def test_where_no_name_is_known_the_whole_lists_are_asked(root: AptRoot) -> None:
    with root.narrowed(requests("editr"), recommends=False) as apt:
        assert apt is root.apt


def test_nothing_is_left_behind_also_of_one_that_was_killed(root: AptRoot) -> None:
    (root.folder / "narrow" / "lists").mkdir(parents=True)
    (root.folder / "narrow" / "lists" / "old_Packages").write_text("Package: old\nVersion: 1\n")
    with root.narrowed(requests("editor"), recommends=False) as narrow:
        assert "old" not in narrow.names()
    assert not (root.folder / "narrow").exists()


def test_a_list_longer_than_a_block_and_one_in_another_order(root: AptRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("package_cache.apt.index_subset.BLOCK", 7)
    [file] = (root.folder / "lists").glob("*_Packages")
    before = file.read_text()
    file.write_text(before.replace("Package: words\nVersion: 2.0\n", "Version: 2.0\nPackage: words\n"))
    try:
        with root.narrowed(requests("editor"), recommends=False) as narrow:
            assert narrow.versions("words") == ["2.0", "1.0"]
    finally:
        file.write_text(before)
