"""The complete text of each error: what is wrong, where, and what to do next.

`whole_errors.txt` has the texts, to be read as a document. Placeholders replace what differs from run to run.
"""

import json
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from containers.podman import can_run, throwaway_podman
from containers.registry import loopback_registry
from tests.check.layouts import write_root
from tests.cli.test_max_age import OLD, age_lock
from tests.cli.test_sbom import take_library_away
from tests.report.answers import envelope, group, image, written
from tests.support.keys import throwaway_key
from tests.support.vendor import GROUP, Vendor
from tests.support.world import World

TEXTS = Path(__file__).with_name("whole_errors.txt")
EDIT = "edit,ubuntu18.04,editor\n"
UNKNOWN = f"{EDIT}a,ubuntu18.04,editr\nb,ubuntu18.04,viewer=9.9\n"
SNAPSHOTS = '[snapshots]\nUbuntu = "nowhere"\nubuntu = ["file:/a"]\n'
VIRTUAL = "".join(f"{name},ubuntu18.04,{name}\n" for name in ("agent", "sender", "older", "nowhere"))
CACHE = ("--cache", "CACHE")
KEY = 'key = "vendor.asc"'
STATUS = ("--status", "FOLDER/status", "--system", "ubuntu18.04")
FIND_ENGINE = "package_cache.oci.system_files.find_engine"

Done = tuple[int, str, str] | tuple[int, str]
"""A status, and what was printed."""
Scene = Callable[[World, Vendor], Done]


def lock(world: World, manifest: str = EDIT, *words: str) -> Done:
    world.manifest(manifest)
    return world.online("lock", *words)


def added(world: World, **packages: dict[str, Any]) -> World:
    """Publish these packages as well."""
    for name, fields in packages.items():
        world.add(name, **fields)
    return world


def unmet(world: World, requests: str = "tool", **fields: str) -> Done:
    """Lock a group with the package `tool`, which these fields are of."""
    return lock(added(world, tool=fields, middle={"depends": "nowhere (>= 2)"}), f"tool,ubuntu18.04,{requests}\n")


def built(world: World) -> World:
    world.built(EDIT)
    return world


def stale(world: World) -> World:
    built(world).manifest("edit,ubuntu18.04,editor viewer\n")
    return world


def old(world: World) -> World:
    """Return a world with a lock that is too old."""
    assert lock(world, EDIT, "--dated")[0] == 0
    age_lock(world)
    return world


def virtual(world: World) -> World:
    world.add("poster", "0.9", Provides="agent, older")
    return added(
        world,
        mailer={"Provides": "agent, sender"}, poster={"Provides": "agent"}, user={"depends": "nowhere | editor"},
    )  # fmt: skip


def run(world: World, *words: str) -> Done:
    """Run a verb; FOLDER stands for the world's folder, and CACHE for its cache."""
    return world.run(*(word.replace("FOLDER", str(world.folder)).replace("CACHE", str(world.cache)) for word in words))


def lock_for(world: World, file: str = "", text: str = "") -> Done:
    """Lock for a root, one file of which is replaced, or which is gone since the last time."""
    root = write_root(built(world).folder / "bare")
    if not file:
        assert lock(world, EDIT, "--for", str(root))[0] == 0
        root.rename(world.folder / "elsewhere")
        return lock(world)
    (root / file).write_text(text)
    return lock(world, EDIT, "--for", str(root))


def record(world: World, *words: str) -> Done:
    """Record the groups of a manifest that has no image to record in."""
    world.manifest(f'{GROUP}[[image]]\nname = "no"\nroot = "root"\nrecord = false\n')
    return run(world, "record", *words, "--manifest", "FOLDER/package-cache.toml")


def check(world: World, *words: str) -> Done:
    (built(world).folder / "status").write_text("Package: other\nStatus: install ok installed\nVersion: 1\n\n")
    (world.folder / "root").mkdir()
    return run(world, "check", *CACHE, *words)


def for_one_architecture(world: World, _: Vendor) -> Done:
    world.archive.architectures = ["amd64", "arm64"]
    added(world, driver={"architecture": "amd64"})
    group = GROUP.replace('packages = ["oddity"]', 'architectures = ["amd64", "arm64"]\npackages = ["driver"]')
    return world.online("lock", "--manifest", str(world.manifest(group, "package-cache.toml")))


def lock_vendors(world: World, vendor: Vendor, *fields: str, uris: tuple[str, ...] = ()) -> Done:
    throwaway_key("vendor").export(world.folder / "vendor.asc", armoured=True)
    return vendor.lock(world, *fields, uris=uris)[::2]


def each_mirror_fails(world: World, vendor: Vendor) -> Done:
    vendor.server.fail("*", 403)
    return lock_vendors(world, vendor, KEY, uris=(f"{vendor.server.uri}/a", f"{vendor.server.uri}/b"))


def password_wanted(world: World, vendor: Vendor) -> Done:
    vendor.server.demand("user", "secret")
    return lock_vendors(world, vendor, KEY)


def wrong_password(world: World, vendor: Vendor) -> Done:
    password_wanted(world, vendor)
    file = world.folder / "passwords"
    file.write_text(f"machine {vendor.server.uri} login user password wrong\n")
    return world.online("lock", "--auth-file", str(file))


def expired(world: World, vendor: Vendor) -> Done:
    vendor.archive.publish_expired()
    return lock_vendors(world, vendor, KEY)


def altered(world: World, vendor: Vendor) -> Done:
    release = vendor.archive.folder / "dists/stable/InRelease"
    release.write_text(release.read_text().replace("Label: Vendor", "Label: vendor"))
    return lock_vendors(world, vendor, KEY)


def unsigned(world: World, vendor: Vendor, field: str = KEY) -> Done:
    vendor.republish(signed=False)
    return lock_vendors(world, vendor, field)


def missing_file(world: World, _: Vendor) -> Done:
    assert lock(world)[0] == 0
    world.server.fail("*/editor_1.0_all.deb", 404)
    return world.build()


def without_network(world: World, _: Vendor) -> Done:
    built(world).server.fail("*", 503)
    return world.online("outdated")


def stage_too_old(world: World, _: Vendor) -> Done:
    file = built(world).cache / "package-cache.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"locked": OLD}))
    return run(world, "stage", "edit", *CACHE, "--to", "FOLDER/to", "--max-age", "30d")


def unknown_needs(world: World, _: Vendor) -> Done:
    (built(world).cache / "groups/edit-ubuntu18.04/Packages").unlink()
    return run(world, "gc", *CACHE)


def without_library(world: World, format_: str) -> Done:
    built(world)
    with pytest.MonkeyPatch.context() as patch:
        take_library_away(format_, patch)
        return run(world, "sbom", *CACHE, "--format", format_)


def report_on_changed(world: World, _: Vendor) -> Done:
    images = [image("job", group("edit", "perhaps", status="0"))]
    written(built(world).folder, envelope("check", {"when": "today", "images": images}))
    return run(world, "report", *CACHE, "--check", "FOLDER/check.json")


def unknown_container(world: World, _: Vendor) -> Done:
    if reason := can_run():
        pytest.skip(reason)
    with throwaway_podman() as podman, pytest.MonkeyPatch.context() as patch:
        engine = world.folder / "podman"
        variables = " ".join(f"{key}={value}" for key, value in podman.environment.items())
        engine.write_text(f'#!/bin/sh\nexec env {variables} {" ".join(podman.argv)} "$@"\n')
        engine.chmod(0o755)
        patch.setattr(FIND_ENGINE, lambda name: str(engine) if name == "podman" else None)
        return run(built(world), "check", *CACHE, "--container", "nobody")


def no_engine(world: World, _: Vendor) -> Done:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FIND_ENGINE, lambda name: None)
        return run(built(world), "check", *CACHE, "--container", "nobody")


def registry(world: World, verb: str, login: tuple[str, str] | None = None) -> Done:
    """Ask a registry on loopback, which does not have an image or does not take one, without this user's logins."""
    with loopback_registry(world.folder / "registry", login=login) as running, pytest.MonkeyPatch.context() as patch:
        for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(world.folder))
        return against_registry(world, verb, running.host)


def no_registry(world: World, verb: str) -> Done:
    with pytest.MonkeyPatch.context() as patch, socket.socket() as bound:
        patch.setattr("package_cache.oci.skopeo.RETRIES", 0)  # none comes, however long it is waited for
        bound.bind(("127.0.0.1", 0))
        return against_registry(world, verb, f"localhost:{bound.getsockname()[1]}")


def against_registry(world: World, verb: str, host: str) -> Done:
    option = {"check": "--image", "image": "--output"}[verb]
    more = ("--state", "FOLDER/state") if verb == "image" else ()
    status, *printed = run(built(world), verb, *CACHE, option, f"docker://{host}/team/image:v1", *more)
    return status, "".join(printed).replace(host, "REGISTRY")


SCENES: dict[str, Scene] = {
    "no such package, no such version": lambda world, _: lock(world, UNKNOWN),
    "no such system": lambda world, _: lock(world, "edit,ubuntu18.05,editor\n"),
    "a derivative": lambda world, _: lock(world, "edit,linuxmint21.3,editor\n"),
    "a keyring that is not there": lambda world, _: lock(world, EDIT, "--keyring", "ubuntu=/nowhere/keys.gpg"),
    "no lock to upgrade": lambda world, _: lock(world, EDIT, "--upgrade", "edit"),
    "a package whose dependency nobody has": lambda world, _: unmet(world, depends="nowhere (>= 2)"),
    "a package whose dependency has another version": lambda world, _: unmet(world, depends="libshared (>= 2)"),
    "a package whose dependency lacks something itself": lambda world, _: unmet(world, depends="middle"),
    "packages that conflict": lambda world, _: unmet(world, "tool editor", Conflicts="editor"),
    "a version that does not go with another one": lambda world, _: unmet(
        world, "tool editor=1.0", depends="editor (>= 2)"
    ),
    "a package that conflicts with what every image has": lambda world, _: lock(
        added(world, core={"Essential": "yes", "Priority": "required"}, vandal={"Conflicts": "core"}),
        "vandal,ubuntu18.04,vandal\n",
    ),
    "virtual packages": lambda world, _: lock(virtual(world), VIRTUAL),
    "a file of passwords that is not there": lambda world, _: lock(world, EDIT, "--auth-file", "/nowhere"),
    "a snapshot of something else": lambda world, _: world.online(
        "build", "--snapshot", "debian=file:/kept", "--manifest", str(world.manifest(EDIT))
    ),
    "snapshots that are none": lambda world, _: lock(world, f"{SNAPSHOTS}{GROUP}"),
    "locking for an image of another system": lambda world, _: lock_for(
        world, "usr/lib/os-release", 'ID=ubuntu\nVERSION_ID="20.04"\n'
    ),
    "locking for an image without an architecture": lambda world, _: lock_for(world, "var/lib/dpkg/status"),
    "locking for what is no image": lambda world, _: lock(built(world), EDIT, "--for", "training"),
    "locking for an image that is gone": lambda world, _: lock_for(world),
    "a package that one architecture alone has": for_one_architecture,
    "all mirrors fail, each in its way": each_mirror_fails,
    "a server that wants a password": password_wanted,
    "a wrong password": wrong_password,
    "lists that have expired": expired,
    "lists that were altered after they were signed": altered,
    "a repository that is no longer signed": unsigned,
    "a repository without a key": lock_vendors,
    "a repository that is allowed to be unsigned": lambda world, vendor: unsigned(
        world, vendor, "allow-unsigned = true"
    ),
    "a stale lock": lambda world, _: stale(world).build(),
    "outdated with a stale lock": lambda world, _: stale(world).online("outdated"),
    "a package file that no mirror has": missing_file,
    "upgrading a name that the lock does not have": lambda world, _: lock(
        built(world), EDIT, "--upgrade", "edit", "editr"
    ),
    "outdated without a lock": lambda world, _: world.online("outdated", "--manifest", str(world.manifest(EDIT))),
    "outdated without a network": without_network,
    "building from a lock that is too old": lambda world, _: old(world).build("--max-age", "30d"),
    "a lock that does not say how old it is": lambda world, _: built(world).build("--max-age", "30d"),
    "staging from a cache that is too old": stage_too_old,
    "staging a group that is not there": lambda world, _: run(
        built(world), "stage", "other", *CACHE, "--to", "FOLDER/to"
    ),
    "gc where nobody knows what a group needs": unknown_needs,
    "gc of no cache": lambda world, _: run(world, "gc", "--cache", "FOLDER/none"),
    "a bill of an unknown group": lambda world, _: run(built(world), "sbom", *CACHE, "edit", "debug"),
    "a bill without the library of spdx": lambda world, _: without_library(world, "spdx"),
    "a bill without the library of cyclonedx": lambda world, _: without_library(world, "cyclonedx"),
    "a report on what is no answer": lambda world, _: run(
        built(world), "report", *CACHE, "--outdated", "FOLDER/package-cache.lock"
    ),
    "a report on an answer that was changed": report_on_changed,
    "comparing with what is not there": lambda world, _: run(
        built(world), "diff", "FOLDER/package-cache.lock", "FOLDER/none"
    ),
    "comparing with another file": lambda world, _: run(
        built(world), "diff", "FOLDER/package-cache.lock", "FOLDER/package_cache_info"
    ),
    "recording nowhere": lambda world, _: run(built(world), "record", *CACHE),
    "recording without an image": lambda world, _: record(world),
    "recording no such group": lambda world, _: record(world, "none"),
    "check of nothing": lambda world, _: check(world),
    "check without a system": lambda world, _: check(world, *STATUS[:2]),
    "check of no system": lambda world, _: check(world, *STATUS[:3], "Ubuntu"),
    "check without an architecture": lambda world, _: check(world, *STATUS),
    "check for real without a root": lambda world, _: check(world, "--run", *STATUS),
    "check of a root that is empty": lambda world, _: check(world, "--root", "FOLDER/root", "--architecture", "amd64"),
    "check of no image layout": lambda world, _: check(world, "--image", "oci:FOLDER/none:x"),
    "check of no archive": lambda world, _: check(world, "--image", "oci-archive:FOLDER/none.tar"),
    "check of an image with a password": lambda world, _: check(world, "--image", "docker://me:secret@host/name"),
    "check of another system": lambda world, _: check(world, *STATUS[:3], "debian12", "--architecture", "amd64"),
    "check of a derivative": lambda world, _: check(world, *STATUS[:3], "linuxmint21", "--architecture", "amd64"),
    "check of another architecture": lambda world, _: check(world, "edit", *STATUS, "--architecture", "arm64"),
    "check of no such group": lambda world, _: check(world, "none", *STATUS, "--architecture", "amd64"),
    "check of a container that nobody knows": unknown_container,
    "check of a container where there is no engine": no_engine,
    "check of an image that the registry does not have": lambda world, _: registry(world, "check"),
    "check of an image where the registry wants a login": lambda world, _: registry(world, "check", ("user", "secret")),
    "check of an image where there is no registry": lambda world, _: no_registry(world, "check"),
    "pushing an image where the registry wants a login": lambda world, _: registry(world, "image", ("user", "secret")),
    "pushing an image where there is no registry": lambda world, _: no_registry(world, "image"),
}


def shown(world: World, vendor: Vendor, text: str) -> str:
    """Replace what differs from run to run by placeholders."""
    for value, name in (
        (world.server.uri, "UBUNTU"), (vendor.server.uri, "VENDOR"), (str(world.folder), "FOLDER"),
        (sys.executable, "PYTHON"),
        (throwaway_key("vendor").fingerprint, "KEY"), (throwaway_key("vendor").fingerprint[-16:], "KEY-ID"),
    ):  # fmt: skip
        text = text.replace(value, name)
    for pattern, name in (
        (r"[0-9]+ days ago", "N days ago"), (r"write one like (ubuntu|debian).*", "write one like RELEASES"),
        (r"dial tcp \S+: connect", "dial tcp ADDRESS: connect"), (r"\[IP: [^\]]*\]", "[IP]"),
        (r"invalid since [^)]*", "invalid since TIME"), (r"\b[0-9a-f]{64}\b", "SHA-256"),
    ):  # fmt: skip
        text = re.sub(pattern, name, text)
    return text


def ours(text: str) -> str:
    """Return the text without the quoted words of apt, podman and skopeo, which differ between their versions."""
    text = re.sub(r"^( *[EW]: |podman: ).*", r"\1QUOTED", text, flags=re.M)
    return re.sub(r"^(error: cannot (?:read|push) the image .*\n)(?!hint).*", r"\1QUOTED", text, flags=re.M)


def expected() -> dict[str, tuple[int, str]]:
    """Return the status and the text of each row; rows of the same text stand above it together."""
    parts = re.split(r"^== (.*) \(status (\d+)\)\n", TEXTS.read_text(), flags=re.M)
    rows, text = {}, ""
    for name, status, own in reversed(list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True))):
        text = own.rstrip("\n") or text
        rows[name] = int(status), text
    return dict(reversed(rows.items()))


@pytest.mark.parametrize("name", SCENES)
def test_the_whole_text(name: str, world: World, vendor: Vendor) -> None:
    status, *printed = SCENES[name](world, vendor)
    wanted, text = expected()[name]
    assert ours(shown(world, vendor, "".join(printed)).rstrip("\n")) == ours(text)
    assert status == wanted


def test_the_document_has_no_other_rows() -> None:
    assert list(expected()) == list(SCENES)
