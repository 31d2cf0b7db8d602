"""`build --sign-by`: signatures of groups, and `verify --keyring`."""

import json
from pathlib import Path

import pytest
from tests.support.keys import EXPIRED, SigningKey, throwaway_key
from tests.support.recordings import described, make_recording
from tests.support.world import World

from package_cache.cache.checked_files import read_group
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import publish_recordings
from package_cache.errors import UsageError
from package_cache.signatures import signer

MANIFEST = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


@pytest.fixture
def key(world: World) -> SigningKey:
    """A key, whose secret part is in the file `secret` and its public one in `keys.gpg`."""
    found = throwaway_key("cache")
    (world.folder / "secret").write_text(found.secret())
    found.export(world.folder / "keys.gpg")
    found.export(world.folder / "keys.asc", armoured=True)
    throwaway_key("stranger").export(world.folder / "stranger.gpg")
    return found


def options(world: World, *keys: SigningKey) -> list[str]:
    named = [word for key in keys for word in ("--sign-by", key.fingerprint)]
    return [*named, "--signing-key", str(world.folder / "secret")]


@pytest.fixture
def signed(world: World, key: SigningKey) -> World:
    """A signed cache."""
    world.manifest(MANIFEST)
    status, _, err = world.build(*options(world, key))
    assert status == 0, err
    return world


def verify(world: World, keyring: str = "keys.gpg") -> tuple[int, str]:
    status, out, err = world.run("verify", "--cache", str(world.cache), "--keyring", str(world.folder / keyring))
    return status, out + err


def folder_of(world: World, group: str = "edit") -> Path:
    return world.cache / f"groups/{group}-ubuntu18.04"


@pytest.mark.parametrize("keyring", ["keys.gpg", "keys.asc"])
def test_a_signed_cache_is_verified(keyring: str, signed: World, key: SigningKey) -> None:
    status, text = verify(signed, keyring)
    assert (status, "intact, signed" in text) == (0, True), text
    assert read_description(CacheFolder(signed.cache)).signed_by == (key.fingerprint,)
    assert json.loads((signed.cache / "package-cache.json").read_text())["format"] == 3


def test_whose_key_does_not_count(signed: World, key: SigningKey) -> None:
    status, text = verify(signed, "stranger.gpg")
    assert (status, text.count("Release: no key of the keyring signed it")) == (31, 2)
    key.export_revoked(signed.folder / "revoked.gpg")
    assert "the key that signed it is revoked" in verify(signed, "revoked.gpg")[1]
    status, text = verify(signed, "nowhere.gpg")
    assert (status, "nowhere.gpg: No such file or directory\nhint: name a file of public keys" in text) == (2, True)
    (signed.folder / "none.gpg").write_text("nothing")
    status, text = verify(signed, "none.gpg")
    assert (status, "cannot use the keyring" in text) == (6, True)


@pytest.mark.parametrize("name", ["Release", "InRelease", "Release.gpg", "Packages", "amd64.group"])
def test_one_altered_byte(name: str, signed: World) -> None:
    """Also where who altered it says so in the description, which is not signed."""
    file = folder_of(signed) / name
    content = file.read_bytes()
    file.write_bytes(content.replace(b"5", b"6", 1) if name == "Release.gpg" else content.replace(b"e", b"f", 1))
    assert verify(signed)[0] == 31
    description = signed.cache / "package-cache.json"
    group = described(signed.cache, "edit")
    from package_cache.filesystem.paths import sha256_of  # noqa: PLC0415

    description.write_text(description.read_text().replace(group.files[name], sha256_of(file)))
    status, text = verify(signed)
    assert (status, "edit-ubuntu18.04/Release: " in text) == (31, True), text


def test_a_group_that_is_not_signed(signed: World) -> None:
    signed.run("stage", "view", "--cache", str(signed.cache), "--to", str(signed.folder / "volume"))
    plain = signed.folder / "plain"
    assert signed.online("build", "--output", str(plain))[0] == 0
    signed.run("stage", "edit", "--cache", str(plain), "--to", str(signed.folder / "volume"))
    keys = str(signed.folder / "keys.gpg")
    status, _, err = signed.run("verify", "--cache", str(signed.folder / "volume"), "--keyring", keys)
    assert (status, "edit-ubuntu18.04/Release: it is not signed" in err, "view" in err) == (31, True, False)


def test_a_build_of_the_same_keeps_signatures(signed: World, key: SigningKey) -> None:
    before = {path: path.read_bytes() for path in signed.cache.rglob("*Release*")}
    assert "up to date" in signed.build(*options(signed, key))[1]
    assert "up to date" in signed.build()[1]
    signed.add("viewer", "1.1")
    assert signed.online("lock")[0] == 0
    assert signed.build(*options(signed, key))[0] == 0
    for path, content in before.items():
        assert (path.read_bytes() == content) == ("edit" in path.parent.name), path
    assert verify(signed)[0] == 0


def test_what_is_signed_does_not_lose_its_signatures(signed: World) -> None:
    signed.add("viewer", "1.1")
    assert signed.online("lock")[0] == 0
    before = {path: path.read_bytes() for path in signed.cache.rglob("*") if path.is_file()}
    status, _, err = signed.build()
    assert (status, "hint: name the key: --sign-by " in err) == (2, True)
    assert {path: path.read_bytes() for path in signed.cache.rglob("*") if path.is_file()} == before


def test_keys_are_replaced(signed: World, key: SigningKey) -> None:
    new = throwaway_key("stranger")
    with (signed.folder / "secret").open("a") as file:
        file.write(new.secret())
    assert signed.build(*options(signed, key, new))[0] == 0
    assert [verify(signed, keyring)[0] for keyring in ("keys.gpg", "stranger.gpg")] == [0, 0]
    assert signed.build(*options(signed, new))[0] == 0
    assert [verify(signed, keyring)[0] for keyring in ("keys.gpg", "stranger.gpg")] == [31, 0]


@pytest.mark.parametrize("which", ["missing", EXPIRED])
def test_a_key_that_cannot_sign(which: str, world: World, key: SigningKey) -> None:
    world.manifest(MANIFEST)
    other = throwaway_key(which)
    if which == EXPIRED:
        (world.folder / "secret").write_text(other.secret())
    status, _, err = world.build(*options(world, other))
    assert (status, f"cannot sign with {other.fingerprint}" in err) == (34, True), err
    assert not world.cache.exists()


def test_half_of_the_options(world: World, key: SigningKey) -> None:
    world.manifest(MANIFEST)
    assert world.build("--signing-key", str(world.folder / "secret"))[0] == 2
    assert world.build("--sign-by", "0123")[0] == 2
    assert world.build("--sign-by", key.fingerprint, "--signing-key", str(world.folder / "nothing"))[0] == 2


def test_recordings_are_signed_with_their_group(signed: World, key: SigningKey) -> None:
    cache, group = CacheFolder(signed.cache), described(signed.cache, "edit")
    recording = make_recording(signed.cache, "edit", b"bytes")
    with pytest.raises(UsageError, match="cannot change what is signed without signing it again"):
        publish_recordings(cache, group, {recording: b"bytes"})
    with signer([key.fingerprint], signed.folder / "secret") as signing:
        publish_recordings(cache, group, {recording: b"bytes"}, signer=signing)
    assert read_group(cache, described(signed.cache, "edit")).recordings.keys() == {recording}
    assert verify(signed)[0] == 0


def test_the_keys_of_the_users_own_gpg(world: World, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNUPGHOME", str(key.home))
    world.manifest(MANIFEST)
    assert world.build("--sign-by", key.fingerprint)[0] == 0
    assert verify(world)[0] == 0
