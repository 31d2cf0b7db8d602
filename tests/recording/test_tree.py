"""The files of a container: what its overlay says was changed is what there is, and nothing in it leads out of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.busybox import busybox_root, give_to_roots_inside, needs_containment

from package_cache import bounds
from package_cache.bounds import BoundError
from package_cache.errors import PackageCacheError
from package_cache.process import run
from package_cache.recording.tree import (
    UNKNOWN,
    Kind,
    Tree,
    changes_between,
    contents,
    interpreter_of,
    lookup,
    path_of,
    tree_after,
    whole_tree,
)
from package_cache.sandbox import container as sandbox
from package_cache.sandbox.container import CHANGES, ROOT, Container
from package_cache.sandbox.isolation import Isolation, disposable_root
from package_cache.sandbox.namespaces import STAGE

CHANGES_OF = {
    "new, changed and removed files": "echo more >>file; echo x >new; rm other; touch empty",
    "a folder that is removed": "rm -r deep",
    "a folder that is made again": "rm -r deep; mkdir deep; echo x >deep/new",
    "a folder that becomes a file": "rm -r deep; echo x >deep",
    "a folder that becomes a link": "rm -r deep; ln -s /etc deep",
    "a file that becomes a folder": "rm file; mkdir file; echo x >file/in",
    "a link that becomes a folder": "rm link; mkdir link; echo x >link/file",
    "a link that leads elsewhere": "rm link; ln -s nowhere link",
    "a folder that becomes one again": "rm -r deep; echo x >deep; rm deep; mkdir deep",
    "a folder that is renamed": "cp -a deep copy; rm -r deep; mv copy moved",
    "modes, owners, times": "chmod 4711 file; chmod 1777 deep; chown 7:8 other; touch -d @99 file",
    "hard links": "ln file second; echo x >one; ln one two; rm one",
    "a hard link of which one is changed": "echo more >twin1",
    "odd names": "touch 'a b' -- '-x' '\\t' .x ..y \"$(printf 'new\\nline')\" \"$(printf 'non\\377utf')\"",
    "pipes and large files": "mkfifo pipe; dd if=/dev/zero of=holes bs=1 count=1 seek=3000000",
    "nothing": ":",
}  # fmt: skip
"""In a folder for each."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    needs_containment()
    root = busybox_root(tmp_path / "root")
    for tool in ("cp", "mv", "chmod", "chown", "mkfifo", "dd", "printf"):
        (root / "bin" / tool).symlink_to("busybox")
    for folder in ("data", *CHANGES_OF):
        (root / folder / "deep/deeper").mkdir(parents=True)
        for name in ("file", "other", "deep/one", "deep/deeper/two", "twin1"):
            (root / folder / name).write_text(f"{name}\n")
        (root / folder / "twin2").hardlink_to(root / folder / "twin1")
        (root / folder / "link").symlink_to("deep")
    return give_to_roots_inside(root)


@pytest.fixture(params=["overlay", "copy"])
def container(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """A container with an overlay, and one that has a copy, as where there is none."""
    if request.param == "copy":
        monkeypatch.setattr(sandbox, "_OVERLAY", f"cp -a {STAGE}/lower/. root/; mount --bind root root")
    with disposable_root(root, Isolation.CONTAINER) as container:
        is_overlay = run([*container.outside, "test", "-d", CHANGES], check=False).returncode == 0
        if is_overlay != (request.param == "overlay"):
            pytest.skip("this machine has no overlay in a user namespace")
        yield container


def plain(tree: Tree) -> Tree:
    """Return it without what overlay does not keep: which files that nobody changed were one."""
    return {path: replace(entry, twin="") for path, entry in tree.items() if path not in ("/dev", "/proc")}


def test_what_was_changed_is_what_there_is(container: Container) -> None:
    base = whole_tree(container, "the root")
    for folder, script in CHANGES_OF.items():
        container.run(["sh", "-ec", f"cd '/{folder}'; {script}"])
    container.stop()
    after = tree_after(base, container, "the root")
    assert plain(after) == plain(whole_tree(container, "the root"))
    changes = changes_between(base, after)
    assert {path.split("/")[1] for path in changes} == CHANGES_OF.keys() - {"nothing"}
    links = {path: after[f"/hard links/{path}"].twin.rpartition("/")[2] for path in ("file", "second", "two")}
    assert links in ({"file": "", "second": "file", "two": ""}, {"file": "second", "second": "", "two": ""})
    names = {path.removeprefix("/odd names/") for path in changes if path.startswith("/odd names/")}
    assert names == {"a b", "-x", "\\t", ".x", "..y", "new\nline", "non\udcffutf"}


SET = 'my ($p, $n, $v) = @ARGV; $v = pack("H*", $v); syscall(188, $p, $n, $v, length($v), 0) == 0 or die "$!"'
ACL = (
    "02000000" + "01000700ffffffff" + "0200060007000000" + "04000500ffffffff" + "10000700ffffffff" + "20000500ffffffff"
)
CAPABILITY = "01000002" + "00040000" + "00000000" * 3


def test_attributes(container: Container) -> None:
    base = whole_tree(container, "the root")
    for path, name, value in (
        ("file", "security.capability", CAPABILITY), ("other", "system.posix_acl_access", ACL),
        ("deep", "system.posix_acl_default", ACL), ("twin1", "user.mine", "31"),
    ):  # fmt: skip
        done = run([*container.outside, "perl", "-e", SET, f"{ROOT}/data/{path}", name, value], check=False)
        if name.startswith(("security", "system")):
            assert done.returncode == 0, done.stderr
    container.stop()
    after = tree_after(base, container, "the root")
    assert plain(after) == plain(whole_tree(container, "the root"))
    changes = changes_between(base, after)
    assert {"/data/file", "/data/other", "/data/deep"} <= changes.keys()
    found = {name for entry in changes.values() if entry for name, _ in entry.attributes}
    assert {"SCHILY.xattr.security.capability", "SCHILY.acl.access", "SCHILY.acl.default"} <= found


def read_all(container: Container, tree: Tree, *paths: str) -> dict[str, bytes]:
    found = contents(container, tree, paths, "the root")
    return {path: stream.read() if stream else member.linkname.encode() for path, member, stream in found}


def test_contents(container: Container) -> None:
    container.run(["sh", "-c", "cd /data; echo x >-x; echo t >'a\\tb'; echo n >\"$(printf 'c\\nd')\"; echo '*' >'*'"])
    container.stop()
    tree = whole_tree(container, "the root")
    assert read_all(container, tree, "/data/*", "/data/a\\tb", "/data/c\nd", "/data/-x", "/data/link") == {
        "/data/*": b"*\n", "/data/a\\tb": b"t\n", "/data/c\nd": b"n\n", "/data/-x": b"x\n", "/data/link": b"deep",
    }  # fmt: skip
    assert read_all(container, tree) == {}


def test_a_link_never_leads_out_of_the_root(container: Container) -> None:
    container.run(["sh", "-c", "rm -r /data/deep; ln -s /etc /data/deep; ln -s ../../../../../../etc /up"])
    container.stop()
    tree = whole_tree(container, "the root")
    for path in ("/data/deep/passwd", "/up/passwd", "/data/absent", "/data/deep/../file"):
        with pytest.raises(PackageCacheError, match="it is not there, or below a link"):
            read_all(container, tree, path)
    assert read_all(container, tree, "/data/deep") == {"/data/deep": b"/etc"}


def test_what_would_hide_the_changes_of_an_overlay_cannot_be_made(root: Path) -> None:
    with disposable_root(root, Isolation.CONTAINER) as container:
        base = whole_tree(container, "the root")
        device = container.run(["busybox", "mknod", "/data/file2", "c", "0", "0"], check=False)
        argv = [*container.outside, "perl", "-e", SET, f"{ROOT}/data/deep", "user.overlay.opaque", "79"]
        opaque = run(argv, check=False)
        container.stop()
        after = tree_after(base, container, "the root")
        assert plain(after) == plain(whole_tree(container, "the root")), (device, opaque)


def test_more_files_than_the_bounds_allow(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds._set, "layer-entries", 20)
    with pytest.raises(BoundError, match="20"):
        whole_tree(container, "the root")


def test_no_process_is_left_that_could_change_it(root: Path) -> None:
    with disposable_root(root, Isolation.CONTAINER, started=False) as container:
        container.run(["sh", "-c", "setsid sh -c 'while :; do date >>/data/file; done' >/dev/null 2>&1 &"])
        container.restart()
        one = whole_tree(container, "the root")["/data/file"]
        assert (
            container.run(["sh", "-c", "cat /data/other; ps | grep -c '[d]ate >>'"], check=False).stdout == "other\n0\n"
        )
        container.stop()
        assert whole_tree(container, "the root")["/data/file"] == one


# Paths and programs, without a container.


@pytest.mark.parametrize(
    ("name", "path"),
    [(".", "/"), ("./", "/"), ("./usr/bin/", "/usr/bin"), ("usr/bin", "/usr/bin"), ("./.x", "/.x"), (".x/y", "/.x/y")],
)
def test_paths_of_members(name: str, path: str) -> None:
    assert path_of(name) == path


ELF = bytes.fromhex("7f454c46020101" + "00" * 9)
HOST = Path("/bin/sh").resolve().read_bytes()


@pytest.mark.parametrize(
    ("head", "interpreter"),
    [
        (b"#!/bin/sh\n", "/bin/sh"),
        (b"#! \t/usr/bin/perl -w\n", "/usr/bin/perl"),
        (b"#!/usr/bin/env python3", "/usr/bin/env"),
        (b"#!sh\n", UNKNOWN),
        (b"#!\n", UNKNOWN),
        (b"echo x\n", UNKNOWN),
        (b"", UNKNOWN),
        (ELF, UNKNOWN),
        (ELF[:4] + b"\2\3" + bytes(60), UNKNOWN),
        (ELF + bytes(48), ""),
    ],
)
def test_what_the_kernel_starts_with_a_program(head: bytes, interpreter: str) -> None:
    assert interpreter_of(head) == interpreter


def test_the_interpreter_of_a_real_program() -> None:
    assert Path(interpreter_of(HOST)).exists()
    far = HOST[: HOST.index(interpreter_of(HOST).encode())]
    assert interpreter_of(far) == UNKNOWN


def test_places(root: Path) -> None:
    with disposable_root(root, Isolation.CONTAINER) as container:
        container.run(["sh", "-c", "ln -s loop /loop; ln -s /data/deep/../link/deeper /far"])
        tree = whole_tree(container, "the root")
    for path, follow, whole, links in (
        ("/data//link/./one", True, "/data/deep/one", ("/data/link",)),
        ("/data/link", False, "/data/link", ()),
        ("/data/link/", False, "/data/deep", ("/data/link",)),
        ("/far/two", True, "/data/deep/deeper/two", ("/far", "/data/link")),
        ("/var/lock/x/y", True, "/run/lock/x/y", ("/var/lock",)),
        ("/../../data/absent/./x", True, "/data/absent/x", ()),
        ("/", True, "/", ()),
    ):
        place = lookup(tree, path, follow=follow)
        assert place is not None
        assert (place.whole, place.links) == (whole, links), path
    assert lookup(tree, "/loop/x", follow=True) is None
    assert tree["/data/link"].kind is Kind.LINK
