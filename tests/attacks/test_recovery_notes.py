"""Notes of a killed run that were planted: what they name is not undone, and nothing beside them is removed."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb

HASH = "a" * 64
RUN = "/var/lib/package-cache/999999-1"
GOOD = ("/cache/pool", f"victim/{HASH}", "victim", "", "", "end")
"""What a run writes that was killed while it installed `victim`: half done, it is taken back."""


def plant(*lines: str, at: str = RUN) -> str:
    text = "".join(f"{line}\n" for line in lines)
    return f"mkdir -p {at}; cat >{at}/notes <<'END'\n{text}END\n"


def noted(**changes: str) -> str:
    """Plant notes with other lines."""
    names = ("pool", "file_of", "fresh", "leftover", "automatic", "end")
    return plant(*(changes.get(name, line) for name, line in zip(names, GOOD, strict=True)))


PLANTED = {
    "a folder of another user": noted() + f"chown 1234 {RUN}",
    "notes of another user": noted() + f"chown 1234 {RUN}/notes",
    "all of another user": noted() + "chown -R 1234 /var/lib/package-cache",
    "a folder that is a link": noted() + f"mv {RUN} /srv/run; ln -s /srv/run {RUN}",
    "notes that are a link": noted() + f"mv {RUN}/notes /srv/notes; ln -s /srv/notes {RUN}/notes",
    "all that is a link": noted() + "mv /var/lib/package-cache /srv/runs; ln -s /srv/runs /var/lib/package-cache",
    "notes that are a pipe": f"mkdir -p {RUN}; mkfifo {RUN}/notes",
    "notes that are a folder": f"mkdir -p {RUN}/notes",
    "notes that are a device": f"mkdir -p {RUN}; ln -s /dev/zero {RUN}/notes",
    "notes without an end": noted(end=""),
    "notes that are cut short": noted() + f"sed -i 3q {RUN}/notes",
    "notes that are large": noted() + "head -c 1000000 /dev/zero | tr '\\0' ' ' >/tmp/x;"
    f"sed -i -e '4r /tmp/x' -e 4d {RUN}/notes",
    "notes with ends of DOS": noted() + f"sed -i 's/$/\\r/' {RUN}/notes",
    "notes with NUL": noted() + f"tr '\\n' '\\0' <{RUN}/notes >{RUN}/x; mv {RUN}/x {RUN}/notes",
    "an option": noted(fresh="victim --pre-invoke=touch${IFS}/srv/owned"),
    "an option with blanks": noted(fresh="victim --pre-invoke touch"),
    "an option in the name of a file": noted(file_of=f"--pre-invoke/{HASH}", fresh="--pre-invoke"),
    "a short option": noted(file_of=f"victim/{HASH} -o/{HASH}", fresh="victim -o"),
    "an option of those that had conffiles": noted(leftover="-Dpkg::Pre-Invoke::=x"),
    "an option of those that are marked": noted(automatic="-f"),
    "a name that no file has": noted(fresh="victim bash"),
    "a mark that no file has": noted(automatic="bash"),
    "a name that is a path": noted(file_of=f"victim/{HASH} ../../x/{HASH}"),
    "a name that is a pattern": noted(file_of=f"victim/{HASH} */{HASH}", fresh="victim *"),
    "a file without a hash": noted(file_of="victim"),
    "a hash that is short": noted(file_of="victim/abc"),
    "a hash in capitals": noted(file_of=f"victim/{'A' * 64}"),
    "a hash that is a path": noted(file_of="victim/../../../../../../../srv/evil"),
    "a hash with a path": noted(file_of=f"victim/{HASH}/x"),
    "a pool that is relative": noted(pool="srv/pool"),
    "a pool that is none": noted(pool="/srv"),
    "no pool": noted(pool=""),
    "a run that is no process's": plant(*GOOD, at="/var/lib/package-cache/evil"),
    "a run with an odd name": plant(*GOOD, at="'/var/lib/package-cache/x 1-1'").replace("/notes", "'/notes'"),
}  # fmt: skip


@pytest.fixture
def room(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> Room:
    """A root with a package that is unpacked, and that its own script does not let be configured."""
    make_deb(debs, "victim", scripts={"postinst": "exit 3"})
    opened = open_room(cache, binds={"/debs": debs})
    opened.sh(
        "dpkg --unpack /debs/victim_1.0_all.deb; mkdir -p /srv/kept/1-1 /srv/kept/2-2/ballast; touch /srv/kept/1-1/mine"
    )
    return opened


def test_good_notes_are_followed(room: Room) -> None:
    room.sh(noted())
    assert room.install("tools").status == 0
    assert (room.state("victim"), room.sh("ls /var/lib/package-cache", check=False)) == ({}, "")


@pytest.mark.parametrize("which", PLANTED)
def test_notes_that_were_planted(which: str, room: Room) -> None:
    room.sh(PLANTED[which])
    done = room.install("tools")
    assert (done.status, done.result["reason"]) == (22, "dpkg-broken")
    assert room.state("victim", "bash").keys() == {"victim", "bash"}
    assert room.sh("ls /srv/owned 2>/dev/null", check=False) == ""
    assert "an earlier run was killed" not in done.out


def test_a_folder_of_runs_that_leads_elsewhere_is_left_alone(room: Room) -> None:
    room.sh("ln -s /srv/kept /var/lib/package-cache")
    before = room.sh("find /srv")
    assert room.install("tools").status == 22
    room.sh("dpkg --purge victim")
    done = room.install("tools")
    assert done.status == 42
    assert "/var/lib/package-cache is a link, or belongs to another user" in done.err
    assert room.sh("find /srv") == before


def test_a_folder_of_runs_of_another_user(room: Room) -> None:
    room.sh("mkdir -m 777 /var/lib/package-cache; chown 1234 /var/lib/package-cache; dpkg --purge victim")
    assert room.install("tools").status == 42
    assert room.state("wanted") == {}
