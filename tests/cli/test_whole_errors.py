"""The complete text of each error: what is wrong, where, and what to do next.

`whole_errors.txt` has the texts, to be read as a document. Placeholders replace what differs from run to run.
"""

import contextlib
import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from containers.podman import can_run, throwaway_podman
from containers.registry import loopback_registry
from tests.cli.test_max_age import OLD, age_lock
from tests.cli.test_sbom import take_library_away
from tests.support.keys import throwaway_key
from tests.support.vendor import Vendor
from tests.support.world import World

TEXTS = Path(__file__).with_name("whole_errors.txt")
EDIT = "edit,ubuntu18.04,editor\n"
GROUP = '[[group]]\nname = "gpu"\nsystems = ["ubuntu18.04"]\n'
FIND_ENGINE = "package_cache.oci.system_files.find_engine"
Scene = Callable[[World, Vendor], tuple[int, str, str]]
SCENES: dict[str, Scene] = {}


def scene(name: str) -> Callable[[Scene], Scene]:
    def note(function: Scene) -> Scene:
        SCENES[name] = function
        return function

    return note


def row(name: str, manifest: str, *words: str) -> None:
    """A scene in which a manifest is locked."""

    @scene(name)
    def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
        world.manifest(manifest)
        return world.online("lock", *words)


def shown(world: World, vendor: Vendor, text: str) -> str:
    """Replace what differs from run to run by placeholders."""
    for value, name in (
        (world.server.uri, "UBUNTU"), (vendor.server.uri, "VENDOR"), (str(world.folder), "FOLDER"),
        (sys.executable, "PYTHON"),
        (throwaway_key("vendor").fingerprint, "KEY"), (throwaway_key("vendor").fingerprint[-16:], "KEY-ID"),
    ):  # fmt: skip
        text = text.replace(value, name)
    text = re.sub(r"[0-9]+ days ago", "N days ago", text)
    text = re.sub(r"write one like (ubuntu|debian).*", "write one like RELEASES", text)
    text = re.sub(r"dial tcp \S+: connect", "dial tcp ADDRESS: connect", text)
    text = re.sub(r"\[IP: [^\]]*\]", "[IP]", text)
    return re.sub(r"\b[0-9a-f]{64}\b", "SHA-256", text)


def signed(world: World) -> str:
    throwaway_key("vendor").export(world.folder / "vendor.asc", armoured=True)
    return 'key = "vendor.asc"'


def built(world: World) -> None:
    world.built(EDIT)


row("no such package, no such version", f"{EDIT}a,ubuntu18.04,editr\nb,ubuntu18.04,viewer=9.9\n")
row("no such system", "edit,ubuntu18.05,editor\n")
row("a derivative", "edit,linuxmint21.3,editor\n")
row("a keyring that is not there", EDIT, "--keyring", "ubuntu=/nowhere/keys.gpg")
row("no lock to upgrade", EDIT, "--upgrade", "edit")


@scene("a package whose dependency nobody has")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.add("tool", depends="nowhere (>= 2)")
    world.archive.publish()
    world.manifest("tool,ubuntu18.04,tool\n")
    return world.online("lock")


def unmet_row(name: str, manifest: str, **fields: str) -> None:
    """A scene in which apt has no way to the package `tool`, which these fields are of."""

    @scene(name)
    def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
        world.add("tool", **fields)
        world.add("middle", depends="nowhere (>= 2)")
        world.archive.publish()
        world.manifest(manifest)
        return world.online("lock")


unmet_row("a package whose dependency has another version", "tool,ubuntu18.04,tool\n", depends="libshared (>= 2)")
unmet_row("a package whose dependency lacks something itself", "tool,ubuntu18.04,tool\n", depends="middle")
unmet_row("packages that conflict", "tool,ubuntu18.04,tool editor\n", Conflicts="editor")
unmet_row("a version that does not go with another one", "tool,ubuntu18.04,tool editor=1.0\n", depends="editor (>= 2)")


@scene("a package that conflicts with what every image has")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.add("core", Essential="yes", Priority="required")
    world.add("vandal", Conflicts="core")
    world.archive.publish()
    world.manifest("vandal,ubuntu18.04,vandal\n")
    return world.online("lock")


@scene("virtual packages")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.add("mailer", Provides="agent, sender")
    world.add("poster", Provides="agent")
    world.add("poster", "0.9", Provides="agent, older")
    world.add("user", depends="nowhere | editor")
    world.archive.publish()
    world.manifest("".join(f"{name},ubuntu18.04,{name}\n" for name in ("agent", "sender", "older", "nowhere")))
    return world.online("lock")


@scene("a package that one architecture alone has")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.archive.architectures = ["amd64", "arm64"]
    world.add("driver", architecture="amd64")
    world.archive.publish()
    path = world.manifest(f'{GROUP}architectures = ["amd64", "arm64"]\npackages = ["driver"]\n', "package-cache.toml")
    return world.online("lock", "--manifest", str(path))


@scene("all mirrors fail, each in its way")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    vendor.server.fail("*", 403)
    uris = (f"{vendor.server.uri}/a", f"{vendor.server.uri}/b")
    status, _, err = vendor.lock(world, signed(world), uris=uris)
    return status, "", err


@scene("a server that wants a password")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    vendor.server.demand("user", "secret")
    status, _, err = vendor.lock(world, signed(world))
    return status, "", err


@scene("a wrong password")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    vendor.server.demand("user", "secret")
    file = world.folder / "passwords"
    file.write_text(f"machine {vendor.server.uri} login user password wrong\n")
    path = world.manifest(GROUP + 'packages = ["oddity"]\n' + vendor.table(signed(world)), "package-cache.toml")
    return world.online("lock", "--manifest", str(path), "--auth-file", str(file))


@scene("lists that have expired")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    vendor.archive.publish_expired()
    status, _, err = vendor.lock(world, signed(world))
    return status, "", re.sub(r"invalid since [^)]*", "invalid since TIME", err)


@scene("lists that were altered after they were signed")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    release = vendor.archive.folder / "dists/stable/InRelease"
    release.write_text(release.read_text().replace("Label: Vendor", "Label: vendor"))
    status, _, err = vendor.lock(world, signed(world))
    return status, "", err


@scene("a repository that is no longer signed")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    vendor.republish(signed=False)
    status, _, err = vendor.lock(world, signed(world))
    return status, "", err


@scene("a repository without a key")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    status, _, err = vendor.lock(world)
    return status, "", err


@scene("a repository that is allowed to be unsigned")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    vendor.republish(signed=False)
    status, _, err = vendor.lock(world, "allow-unsigned = true")
    return status, "", err


@scene("a stale lock")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    world.manifest("edit,ubuntu18.04,editor viewer\n")
    return world.build()


@scene("a package file that no mirror has")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.manifest(EDIT)
    assert world.online("lock")[0] == 0
    world.server.fail("*/editor_1.0_all.deb", 404)
    return world.build()


@scene("upgrading a name that the lock does not have")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    return world.online("lock", "--upgrade", "edit", "editr")


@scene("outdated without a lock")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.manifest(EDIT)
    return world.online("outdated")


@scene("outdated with a stale lock")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    world.manifest("edit,ubuntu18.04,editor viewer\n")
    return world.online("outdated")


@scene("outdated without a network")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    world.server.fail("*", 503)
    return world.online("outdated")


@scene("building from a lock that is too old")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    world.manifest(EDIT)
    assert world.online("lock", "--dated")[0] == 0
    age_lock(world)
    return world.build("--max-age", "30d")


@scene("a lock that does not say how old it is")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    return world.build("--max-age", "30d")


@scene("staging from a cache that is too old")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    file = world.cache / "package-cache.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"locked": OLD}))
    return world.run("stage", "edit", "--cache", str(world.cache), "--to", str(world.folder / "to"), "--max-age", "30d")


@scene("staging a group that is not there")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    return world.run("stage", "other", "--cache", str(world.cache), "--to", str(world.folder / "to"))


@scene("gc where nobody knows what a group needs")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    (world.cache / "groups/edit-ubuntu18.04/Packages").unlink()
    return world.run("gc", "--cache", str(world.cache))


@scene("gc of no cache")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    return world.run("gc", "--cache", str(world.folder / "none"))


@scene("a bill of an unknown group")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    return world.run("sbom", "edit", "debug", "--cache", str(world.cache))


def bill_row(format_: str) -> None:
    """A scene in which the library of a format is not installed."""

    @scene(f"a bill without the library of {format_}")
    def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
        built(world)
        with pytest.MonkeyPatch.context() as patch:
            take_library_away(format_, patch)
            return world.run("sbom", "--cache", str(world.cache), "--format", format_)


bill_row("spdx")
bill_row("cyclonedx")


@scene("comparing with what is not there")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    return world.run("diff", str(world.folder / "package-cache.lock"), str(world.folder / "none"))


@scene("comparing with another file")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    return world.run("diff", str(world.folder / "package-cache.lock"), str(world.folder / "package_cache_info"))


def check_row(name: str, *words: str) -> None:
    """A scene in which a cache is checked."""

    @scene(name)
    def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
        built(world)
        (world.folder / "status").write_text("Package: other\nStatus: install ok installed\nVersion: 1\n\n")
        (world.folder / "root").mkdir()
        given = (word.replace("FOLDER", str(world.folder)) for word in words)
        status, out, err = world.run("check", "--cache", str(world.cache), *given)
        return status, out, err


check_row("check of nothing")
check_row("check without a system", "--status", "FOLDER/status")
check_row("check of no system", "--status", "FOLDER/status", "--system", "Ubuntu")
check_row("check without an architecture", "--status", "FOLDER/status", "--system", "ubuntu18.04")
check_row("check for real without a root", "--run", "--status", "FOLDER/status", "--system", "ubuntu18.04")
check_row("check of a root that is empty", "--root", "FOLDER/root", "--architecture", "amd64")
check_row("check of no image layout", "--image", "oci:FOLDER/none:x")
check_row("check of no archive", "--image", "oci-archive:FOLDER/none.tar")
check_row("check of an image with a password", "--image", "docker://me:secret@host/name")
check_row("check of another system", "--status", "FOLDER/status", "--system", "debian12", "--architecture", "amd64")
check_row("check of a derivative", "--status", "FOLDER/status", "--system", "linuxmint21", "--architecture", "amd64")
check_row("check of another architecture", "edit", "--status", "FOLDER/status", "--system", "ubuntu18.04",
          "--architecture", "arm64")  # fmt: skip
check_row("check of no such group", "none", "--status", "FOLDER/status", "--system", "ubuntu18.04", "--architecture",
          "amd64")  # fmt: skip


@scene("check of a container that nobody knows")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    if reason := can_run():
        pytest.skip(reason)
    with throwaway_podman() as podman, pytest.MonkeyPatch.context() as patch:
        engine = world.folder / "podman"
        variables = " ".join(f"{key}={value}" for key, value in podman.environment.items())
        engine.write_text(f'#!/bin/sh\nexec env {variables} {" ".join(podman.argv)} "$@"\n')
        engine.chmod(0o755)
        patch.setattr(FIND_ENGINE, lambda name: str(engine) if name == "podman" else None)
        return world.run("check", "--cache", str(world.cache), "--container", "nobody")


@scene("check of a container where there is no engine")
def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
    built(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FIND_ENGINE, lambda name: None)
        return world.run("check", "--cache", str(world.cache), "--container", "nobody")


def registry_row(name: str, verb: str, image: str = "team/image:v1", *, login: tuple[str, str] | None = None) -> None:
    """A scene in which a registry on loopback, named REGISTRY, does not give an image or does not take one."""

    @scene(name)
    def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
        built(world)
        with loopback_registry(world.folder / "registry", login=login) as registry, anonymous(world.folder):
            return against_registry(world, verb, registry.host, image)


def no_registry_row(name: str, verb: str) -> None:
    """A scene without a registry at the address."""

    @scene(name)
    def _(world: World, vendor: Vendor) -> tuple[int, str, str]:
        built(world)
        with pytest.MonkeyPatch.context() as patch, socket.socket() as bound:
            patch.setattr("package_cache.oci.skopeo.RETRIES", 0)  # none comes, however long it is waited for
            bound.bind(("127.0.0.1", 0))
            return against_registry(world, verb, f"localhost:{bound.getsockname()[1]}", "team/image:v1")


def against_registry(world: World, verb: str, host: str, image: str) -> tuple[int, str, str]:
    option = {"check": "--image", "image": "--output"}[verb]
    more = ("--state", str(world.folder / "state")) if verb == "image" else ()
    status, out, err = world.run(verb, "--cache", str(world.cache), option, f"docker://{host}/{image}", *more)
    return status, out, err.replace(host, "REGISTRY")


@contextlib.contextmanager
def anonymous(folder: Path) -> Iterator[None]:
    """Hide the logins of this machine's user."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(folder))
        yield


registry_row("check of an image that the registry does not have", "check")
registry_row("check of an image where the registry wants a login", "check", login=("user", "secret"))
no_registry_row("check of an image where there is no registry", "check")
registry_row("pushing an image where the registry wants a login", "image", login=("user", "secret"))
no_registry_row("pushing an image where there is no registry", "image")


def ours(text: str) -> str:
    """Return the text without the quoted words of apt, podman and skopeo, which differ between their versions."""
    text = re.sub(r"^( *[EW]: |podman: ).*", r"\1QUOTED", text, flags=re.M)
    return re.sub(r"^(error: cannot (?:read|push) the image .*\n)(?!hint).*", r"\1QUOTED", text, flags=re.M)


def expected() -> dict[str, str]:
    parts = re.split(r"^== (.*)\n", TEXTS.read_text(), flags=re.M)
    return dict(zip(parts[1::2], (part.rstrip("\n") for part in parts[2::2]), strict=True))


@pytest.mark.parametrize("name", SCENES)
def test_the_whole_text(name: str, world: World, vendor: Vendor) -> None:
    status, out, err = SCENES[name](world, vendor)
    text = f"status {status}\n{shown(world, vendor, out + err)}".rstrip("\n")
    assert ours(text) == ours(expected()[name])


def test_the_document_has_no_other_rows() -> None:
    assert list(expected()) == list(SCENES)
