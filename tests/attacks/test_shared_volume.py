"""Who can write to a job's volume gets nothing of its own installed: the command of the init container knows hashes."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb

from package_cache.cache.expectations import Expectation
from package_cache.filesystem.paths import sha256_of
from package_cache.plugin.command import Staged, installing_command
from package_cache.process import Completed

pytestmark = pytest.mark.timeout(120)

GROUP = "groups/tools-ubuntu18.04"
EVIL = "/usr/share/evil"
LIES = f"cp /evil/{GROUP}/* /volume/{GROUP}/; cp /evil/pool/* /volume/pool/"
INDEX = f"cp /evil/{GROUP}/Packages /volume/{GROUP}/"

RECORDING = f"""
set -- $(sha256sum /var/lib/dpkg/status); cp /evil/pool/*.deb /volume/{GROUP}/recording.amd64.$1.deb"""

BEFORE = {
    "a second cache in its place": ("rm -rf /volume/*; cp -r /evil/* /volume/", 33),
    "another installer": (f"printf 'mkdir -p {EVIL}; exit 0\\n' >/volume/install_group.sh", 33),
    "an installer that begins as ours": (f"echo 'mkdir {EVIL}' >>/volume/install_group.sh", 33),
    "an installer with an end of DOS": ("sed -i 's/$/\\r/' /volume/install_group.sh", 33),
    "an installer that is a link": (f"printf 'mkdir {EVIL}' >/tmp/x; ln -sf /tmp/x /volume/install_group.sh", 33),
    "an installer that is a pipe": ("rm /volume/install_group.sh; mkfifo /volume/install_group.sh", 30),
    "an installer that is a folder": ("rm /volume/install_group.sh; mkdir /volume/install_group.sh", 30),
    "no installer": ("rm /volume/install_group.sh", 30),
    "all files of the group": (LIES, 33),
    "its index": (INDEX, 31),
    "its index, and what Release says of it": (f"cp /evil/{GROUP}/Packages /evil/{GROUP}/Release /volume/{GROUP}/", 33),
    "what it asks for": (f"cp /evil/{GROUP}/amd64.group /volume/{GROUP}/", 31),
    "another Release": (f"cp /evil/{GROUP}/Release /volume/{GROUP}/", 33),
    "a Release with one line more": (f"echo 'Origin: x' >>/volume/{GROUP}/Release", 33),
    "a Release with an empty line more": (f"echo >>/volume/{GROUP}/Release", 0),
    "a Release without its last line end": (f"truncate -s -1 /volume/{GROUP}/Release", 0),
    "a Release with NUL characters": (f"printf '\\0\\0' >>/volume/{GROUP}/Release", 0),
    "an empty Release": (f": >/volume/{GROUP}/Release", 31),
    "a Release without end": (f"truncate -s 1T /volume/{GROUP}/Release", 0),
    "a Release that is a pipe": (f"rm /volume/{GROUP}/Release; mkfifo /volume/{GROUP}/Release", 31),
    "a Release that is a link": (f"ln -sf /evil/{GROUP}/Release /volume/{GROUP}/Release", 33),
    "a Release that is a device": (f"ln -sf /dev/zero /volume/{GROUP}/Release", 31),
    "a group that is a link": (f"rm -r /volume/{GROUP}; ln -s /evil/{GROUP} /volume/{GROUP}", 33),
    "another group in its place": (f"rm -r /volume/{GROUP}; cp -r /volume/groups/other-* /volume/{GROUP}", 33),
    "that of another system": (f"rm -r /volume/{GROUP}; cp -r /volume/groups/tools-debian12 /volume/{GROUP}", 31),
    "an index that is a link": (f"ln -sf /evil/{GROUP}/Packages /volume/{GROUP}/Packages", 31),
    "an index that is a pipe": (f"rm /volume/{GROUP}/Packages; mkfifo /volume/{GROUP}/Packages", 31),
    "an index without end": (f"truncate -s 1G /volume/{GROUP}/Packages", 0),
    "no index": (f"rm /volume/{GROUP}/Packages", 31),
    "requests that are a pipe": (f"rm /volume/{GROUP}/amd64.group; mkfifo /volume/{GROUP}/amd64.group", 31),
    "the bytes of a package": ("for f in /volume/pool/*; do cp /evil/pool/* $f; done", 31),
    "a pool that is a link": ("rm -r /volume/pool; ln -s /evil/pool /volume/pool", 31),
    "a package that is a pipe": ("for f in /volume/pool/*; do rm $f; mkfifo $f; done", 31),
    "a package that is a link": ("for f in /volume/pool/*; do ln -sf /evil/pool/* $f; done", 31),
    "no pool": ("rm -r /volume/pool", 31),
    "an index for images": (f"cp /evil/{GROUP}/Packages /volume/{GROUP}/Packages.amd64.image", 0),
    "a recording": (RECORDING, 31),
    "lists of apt": (f"mkdir /volume/{GROUP}/lists; cp /evil/{GROUP}/Packages /volume/{GROUP}/Packages.gz", 0),
    "a configuration of apt": (f"echo 'DPkg::Pre-Invoke {{\"mkdir {EVIL}\"}}' >/volume/apt.conf", 0),
}  # fmt: skip
"""What is done to the volume, and the status of the command afterwards: 0 where what counts is as it was."""

HOOKED = (
    *(f"sha256sum {call}" for call in (1, 2, 3, 4)),
    *(f"dd {call}" for call in (1, 2, 3)),
    "apt-get 1",
    "dpkg-query 1",
)
"""Programs that the installer starts until all that it uses is hashed, by the number of the call."""

MEANWHILE = {
    "a second cache": "rm -rf /volume/groups /volume/pool; cp -r /evil/groups /evil/pool /volume/",
    "all files of the group": LIES,
    "its index": INDEX,
}

HOOK = """\
for each in /usr/bin/{0} /bin/{0}; do [ ! -x $each ] || real=$each; done
cp $real /usr/local/{0}.real
cat >/tmp/hook <<'END'
#!/bin/sh
echo x >>/tmp/{0}.calls
if [ "$(/usr/bin/wc -l </tmp/{0}.calls)" = {1} ] && [ {2} = before ]; then /tmp/attack; fi
/usr/local/{0}.real "$@"
status=$?
if [ "$(/usr/bin/wc -l </tmp/{0}.calls)" = {1} ] && [ {2} = after ]; then /tmp/attack; fi
exit $status
END
chmod 755 /tmp/hook; cp /tmp/hook $real
"""


@pytest.fixture
def volume(cache: SyntheticCache, debs: Path, open_room: OpenRoom, tmp_path: Path) -> Room:
    """A container with a volume that it may write to, and beside it the cache of an attacker."""
    evil = SyntheticCache(tmp_path / "evil", cache.system)
    evil.add("tools", ["wanted"], [make_deb(debs / "evil", "wanted", files={f"{EVIL}/it": "x"})])
    wanted = make_deb(debs, "wanted")
    cache.add("tools", ["wanted"], [wanted])
    cache.add("other", ["another"], [make_deb(debs, "another")])
    cache.add("tools", ["wanted"], [wanted], system="debian12")
    room = open_room(cache, binds={"/theirs": evil.path})
    room.sh("cp -r /cache /volume; cp -r /theirs /evil")
    return room


def command(cache: SyntheticCache) -> str:
    """Return the command that the init container has made of the cache that it trusts."""
    expected = tuple(Expectation("tools", sha256_of(path)) for path in cache.path.glob("groups/tools-*/Release"))
    assert len(expected) == 2
    installer = Path("/volume/install_group.sh")
    digest = sha256_of(cache.path / installer.name)
    return installing_command("tools", Staged(installer, digest, Path("/volume"), expected), ())


def run(room: Room, text: str) -> Completed:
    return room.container.run(["sh", "-c", text], timeout=60, check=False)


def is_unharmed(room: Room) -> bool:
    return not room.container.path(EVIL).exists() and "wanted" not in room.state("evil")


@pytest.mark.parametrize("name", BEFORE)
def test_before_it_is_installed(name: str, volume: Room, cache: SyntheticCache) -> None:
    attack, status = BEFORE[name]
    volume.sh(attack)
    done = run(volume, command(cache))
    assert is_unharmed(volume)
    assert done.returncode == status, done.stderr
    if done.returncode:
        assert "package-cache: cannot install tools (" in done.stderr
        assert volume.state("wanted") == {}
    else:
        assert volume.state("wanted") == {"wanted": "ii 1.0"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("where", HOOKED)
@pytest.mark.parametrize("name", MEANWHILE)
def test_while_it_is_installed(name: str, where: str, when: str, volume: Room, cache: SyntheticCache) -> None:
    program, number = where.split()
    volume.container.path("/tmp/attack").write_text(f"#!/bin/sh\n{MEANWHILE[name]}\n")
    volume.sh(f"chmod 755 /tmp/attack; {HOOK.format(program, number, when)}")
    done = run(volume, command(cache))
    assert is_unharmed(volume)
    assert volume.container.path(f"/tmp/{program}.calls").exists()
    if done.returncode:
        assert done.returncode in (31, 33), done.stderr
        assert "package-cache: cannot install tools (" in done.stderr
        assert volume.state("wanted") == {}
    else:
        assert volume.state("wanted") == {"wanted": "ii 1.0"}


def test_a_cache_that_was_staged_from_another_one(volume: Room, cache: SyntheticCache, debs: Path) -> None:
    text = command(cache)
    cache.add("tools", ["wanted"], [make_deb(debs / "newer", "wanted", version="2.0")])
    volume.sh("rm -rf /volume; cp -r /cache /volume")
    done = run(volume, text)
    assert (done.returncode, volume.state("wanted")) == (33, {})
    assert "the group tools is not the one that is trusted: its Release has the SHA-256 " in done.stderr


def test_a_hash_by_the_environment(volume: Room, cache: SyntheticCache) -> None:
    release = sha256_of(cache.path / GROUP / "Release")
    installer = ["sh", "/volume/install_group.sh", "tools"]
    for value, status in (
        (f"tools={'0' * 64}", 33),
        (f"other={release}", 33),
        ("tools=x", 2),
        (f" tools={release}\n", 0),
    ):
        done = volume.container.run(installer, env={"PACKAGE_CACHE_EXPECT": value}, check=False)
        assert done.returncode == status, done.stderr


def test_a_group_of_no_name_is_not_what_is_expected(volume: Room, cache: SyntheticCache) -> None:
    """A cache of an older version does not say of which group a Release is."""
    release = cache.path / GROUP / "Release"
    release.write_text("".join(line for line in release.read_text().splitlines(True) if not line.startswith("Label")))
    volume.sh("rm -rf /volume; cp -r /cache /volume")
    assert run(volume, "sh /volume/install_group.sh --dry-run tools").returncode == 0
    done = run(volume, command(cache))
    assert (done.returncode, "is of the group ''" in done.stderr) == (31, True)
