"""Who must have signed a repository: real signatures by the right key, a wrong one, an old one, none."""

import re
from pathlib import Path

import pytest
from tests.support.keys import EXPIRED, throwaway_key
from tests.support.vendor import Vendor
from tests.support.world import World, refused

from package_cache.releases.keyrings import installed_keys


def own() -> str:
    return throwaway_key("vendor").fingerprint


def by_key(name: str, file: Path) -> str:
    """Export a key beside the manifest and give the manifest's line."""
    throwaway_key(name).export(file, armoured=file.suffix == ".asc")
    return f'key = "{file.name}"'


@pytest.mark.parametrize("name", ["vendor.asc", "vendor.gpg", "armoured.gpg", "binary.asc", "in the manifest"])
def test_the_name_of_a_key_file_does_not_matter(world: World, vendor: Vendor, name: str) -> None:
    file = world.folder / name
    throwaway_key("vendor").export(file, armoured=name not in ("vendor.gpg", "binary.asc"))
    line = f'key = "{name}"'
    if name == "in the manifest":
        line = f'key = """{file.read_text()}"""'
        file.unlink()
    status, lock, err = vendor.lock(world, line)
    assert (status, err) == (0, "")
    assert 'repository = "vendor"' in lock


def test_a_repository_that_a_subkey_signed(world: World, vendor: Vendor) -> None:
    throwaway_key("with-subkey").subkey  # noqa: B018  # gpg signs with the newest that can
    vendor.republish(key="with-subkey")
    assert vendor.lock(world, by_key("with-subkey", world.folder / "sub.asc"))[::2] == (0, "")


def test_of_many_keys_only_the_one_that_is_named_counts(world: World, vendor: Vendor) -> None:
    keys = [throwaway_key(name).export(world.folder / f"{name}.key").read_bytes() for name in ("vendor", "stranger")]
    (world.folder / "many.gpg").write_bytes(b"".join(keys))
    line = f'key = "many.gpg"\nfingerprint = "{own()}"'
    assert vendor.lock(world, line)[::2] == (0, "")
    vendor.republish(key="stranger")
    refused(vendor.lock(world, line), 6, f"trusted: {own()} (Test vendor <vendor@example.invalid>) in ")


def test_a_fingerprint_in_the_users_keyring(world: World, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNUPGHOME", str(throwaway_key("vendor").home))
    assert vendor.lock(world, f'fingerprint = "{own()}"')[::2] == (0, "")
    vendor.republish(key="stranger")
    told = f"trusted: {own()} (Test vendor <vendor@example.invalid>) of this machine\n"
    refused(vendor.lock(world, f'key = "0x{own()}"'), 6, told)


def test_a_fingerprint_in_the_machines_keyrings(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("etc/apt/keyrings", "usr/share/keyrings", "etc/apt/trusted.gpg.d")]
    for folder, name in zip(folders, ("vendor", "archive", "stranger"), strict=True):
        folder.mkdir(parents=True)
        (folder / "README.gpg").write_text("no key at all\n")
        throwaway_key(name).export(folder / f"{name}.asc", armoured=True)
    wanted = {own(), throwaway_key("stranger").fingerprint}
    assert set(installed_keys([*wanted, "0" * 40], host=tmp_path)) == wanted


def test_a_key_that_nobody_has_is_not_fetched(world: World, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNUPGHOME", str(world.folder / "none"))
    fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567"
    manifest = world.folder / "package-cache.toml"
    assert vendor.lock(world, f'key = "0x{fingerprint}"')[::2] == (
        3,
        "error: cannot lock this manifest\n"
        f"{manifest}:11:1: repository[0].key: no keyring of this machine or of this user has the key {fingerprint}\n"
        '    get it from its owner, check it, and put it beside the manifest: key = "keys/tools.asc"\n',
    )
    assert vendor.server.requests == []


def check_mistrust(world: World, vendor: Vendor, line: str, problem: str, hint: str, trusted: str = "vendor") -> None:
    status, _, err = vendor.lock(world, line)
    assert status == 6
    assert re.sub(r"^[EW]: .*\n", "", err, flags=re.M) == (  # without apt's words
        "error: cannot trust what the mirrors of vendor (stable) sent\n"
        f"{problem}\n"
        f"trusted: {throwaway_key(trusted).fingerprint} (Test {trusted} <{trusted}@example.invalid>)"
        f" in {world.folder}/vendor.asc\n"
        f"hint: {hint}\n"
    )


def test_a_key_that_was_replaced_in_the_archive(world: World, vendor: Vendor) -> None:
    line = by_key("vendor", world.folder / "vendor.asc")
    vendor.republish(key="stranger")
    new = throwaway_key("stranger").fingerprint[-16:]
    check_mistrust(
        world,
        vendor,
        line,
        f"it is signed with the key {new}, which is not trusted",
        "if its owner changed the key, get the new one from there, check it, and put it in the place of the old; "
        "if not, another party made this",
    )
    assert vendor.lock(world, by_key("stranger", world.folder / "vendor.asc"))[::2] == (0, "")


def test_while_a_key_is_being_replaced_both_may_sign(world: World, vendor: Vendor) -> None:
    keys = [throwaway_key(name).export(world.folder / f"{name}.key").read_bytes() for name in ("vendor", "stranger")]
    (world.folder / "both.gpg").write_bytes(b"".join(keys))
    line = f'key = "both.gpg"\nfingerprint = ["{own()}", "{throwaway_key("stranger").fingerprint}"]'
    for signer in ("vendor", "stranger"):
        vendor.republish(key=signer)
        assert vendor.lock(world, line)[::2] == (0, "")


def test_a_key_that_has_expired(world: World, vendor: Vendor) -> None:
    line = by_key(EXPIRED, world.folder / "vendor.asc")
    vendor.republish(key=EXPIRED)
    key = throwaway_key(EXPIRED).fingerprint[-16:]
    check_mistrust(
        world,
        vendor,
        line,
        f"it is signed with the key {key}, which has expired",
        "get the extended or new key from its owner, and check this machine's clock",
        trusted=EXPIRED,
    )
    asked = [path for path in vendor.server.requests if path.endswith("/InRelease")]
    assert len(asked) == 1  # another try would not change it
