"""This machine's own apt sources as mirrors: which are used, in which order, and what is left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from package_cache.apt import network
from package_cache.releases import mirrors
from package_cache.releases.distributions import Archive
from package_cache.releases.mirrors import HostMirrors, host_mirrors, mirrors_of

ARCHIVE = Archive("ubuntu", "http://own.invalid/ubuntu", ("bionic",), ("main",))
A, B, C = (f"http://{name}.invalid/ubuntu" for name in "abc")


class Host:
    """A machine with these sources; `folder` is its root as far as it is looked at, and its apt has no lists."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / "sources"
        self.parts.mkdir()
        (folder / "etc").mkdir()
        (folder / "etc/os-release").write_text("ID=ubuntu\nVERSION_ID=18.04\n")
        self.config = folder / "apt.conf"
        self.config.write_text(
            f'Dir::Etc::sourceparts "{self.parts}"; Dir::Etc::sourcelist "/dev/null"; '
            f'Dir::State::lists "{folder}/lists"; Dir::Cache "{folder}/cache";\n'
        )

    def line(self, uri: str, suite: str = "bionic") -> None:
        with (self.parts / "more.list").open("a") as file:
            file.write(f"deb [trusted=yes] {uri} {suite} main universe\n")

    def mirrors(self) -> HostMirrors:
        return host_mirrors(ARCHIVE, self.folder)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(made.config))
    caches = (mirrors._host_targets, network._settings)
    for cached in caches:
        cached.cache_clear()
    yield made
    for cached in caches:
        cached.cache_clear()


def test_plain_sources_in_their_order(host: Host) -> None:
    host.line(f"{A}/")
    host.line(f"http://me:secret@{B.removeprefix('http://')}", "bionic-updates")
    host.line(C, "bionic-security")
    host.line("file:/srv/a%20b")
    assert host.mirrors() == HostMirrors((A, B, "file:/srv/a%20b"))
    assert mirrors_of(ARCHIVE, {}, host=host.folder) == (A, B, "file:/srv/a%20b", ARCHIVE.base_uri)


def test_deb822_with_several_uris_and_suites(host: Host) -> None:
    text = f"Types: deb deb-src\nURIs: {A} {B}/\n {C}\nSuites: bionic bionic-updates\nComponents: main\n"
    (host.parts / "own.sources").write_text(text + f"\nEnabled: no\n{text.replace('.invalid', '.off.invalid')}")
    assert host.mirrors() == HostMirrors((A, B, C))


@pytest.mark.parametrize("scheme", ["mirror+file:", "mirror+file://", "mirror+copy:"])
def test_a_list_of_mirrors_is_read(host: Host, scheme: str) -> None:
    path = host.folder / "mirrors with blanks.txt"
    path.write_text(
        f"# ours\n\n{C}\n{B}/\tpriority:2 arch:amd64\n{A}\tpriority:1\ncdrom:[disc]/\nmirror+file:{path}\ttype:deb\n"
    )
    host.line(scheme + str(path).replace(" ", "%20"))
    assert host.mirrors() == HostMirrors((A, B, C))


@pytest.mark.parametrize("content", [None, "", "no URI\n", b"\xff\0\n", "cdrom:[disc]/\n"])
def test_a_list_without_a_mirror_is_left_out(host: Host, content: str | bytes | None) -> None:
    path = host.folder / "mirrors.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    host.line(f"mirror+file:{path}")
    host.line(A)
    assert host.mirrors() == HostMirrors((A,), (f"mirror+file:{path}",))


@pytest.mark.parametrize(
    "uri",
    [
        "cdrom:[Ubuntu 18.04 _Bionic_ - Release amd64 (20180426)]/", "mirror+http://list.invalid/mirrors.txt",
        "mirror://list.invalid/mirrors.txt", "tor+http://a.invalid/ubuntu", "tor+mirror+file:/list", "s3://a/ubuntu",
    ],
)  # fmt: skip
def test_what_is_no_mirror_is_left_out(host: Host, uri: str) -> None:
    host.line(uri)
    assert host.mirrors().usable == ()
    assert len(host.mirrors().skipped) == 1
    assert mirrors_of(ARCHIVE, {}, host=host.folder) == (ARCHIVE.base_uri,)


def test_a_transport_that_this_machine_has_is_used(host: Host) -> None:
    methods = host.folder / "methods"
    methods.mkdir()
    for name in ("http", "tor+http"):
        (methods / name).symlink_to("/usr/lib/apt/methods/http")
    host.config.write_text(host.config.read_text() + f'Dir::Bin::methods "{methods}";\n')
    host.line("tor+http://a.invalid/ubuntu")
    assert host.mirrors() == HostMirrors(("tor+http://a.invalid/ubuntu",))


@pytest.mark.parametrize(
    ("file", "text"), [("sources/broken.list", "deb [ nonsense\n"), ("etc/os-release", "ID=debian\n")]
)
def test_a_machine_of_another_distribution_or_with_broken_sources_has_none(host: Host, file: str, text: str) -> None:
    host.line(A)
    (host.folder / file).write_text(text)
    assert host.mirrors() == HostMirrors()


def test_a_security_archive_is_looked_for_in_its_folder_first(host: Host) -> None:
    archive = Archive("debian-security", "https://security.example.invalid", ("eight-security",), ("main",))
    server = "https://security.example.invalid"
    assert mirrors_of(archive, {}, host=host.folder) == (f"{server}/debian-security", server)
