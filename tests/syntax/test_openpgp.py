"""Keys are told from what is none, and their fingerprints are those that gpg shows."""

import random
from pathlib import Path

import pytest
from tests.support.keys import throwaway_key

from package_cache.openpgp import read_public_keys, written_fingerprint
from package_cache.process import run


@pytest.fixture(params=[False, True], ids=["binary", "armoured"])
def armoured(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def exported(folder: Path, name: str, *, armoured: bool = False) -> bytes:
    return throwaway_key(name).export(folder / f"{name}.key", armoured=armoured).read_bytes()


def test_a_key_its_owner_and_its_subkey(tmp_path: Path, armoured: bool) -> None:
    subkey = throwaway_key("with-subkey").subkey
    [key] = read_public_keys(exported(tmp_path, "with-subkey", armoured=armoured))
    assert key.fingerprint == throwaway_key("with-subkey").fingerprint
    assert key.subkeys == (subkey,)
    assert str(key) == f"{key.fingerprint} (Test with-subkey <with-subkey@example.invalid>)"
    assert key.content == exported(tmp_path, "with-subkey")


@pytest.mark.parametrize("names", [["archive", "stranger"], ["archive", "stranger", "archive"]])
def test_several_keys_of_which_one_may_be_there_twice(tmp_path: Path, armoured: bool, names: list[str]) -> None:
    keys = read_public_keys(b"".join(exported(tmp_path, name, armoured=armoured) for name in names))
    assert [key.fingerprint for key in keys] == [throwaway_key(name).fingerprint for name in names[:2]]
    assert keys[0].content == exported(tmp_path, "archive")


def test_of_two_copies_of_a_key_each_part_counts(tmp_path: Path) -> None:
    key = throwaway_key("renewed")
    old = key.export(tmp_path / "old.key").read_bytes()
    key.renew()
    new = key.export(tmp_path / "new.key").read_bytes()
    assert old != new
    for name, content in {"old first": old + new, "new first": new + old}.items():
        [merged] = read_public_keys(content)
        (tmp_path / name).write_bytes(merged.content)
        assert merged.subkeys == (key.subkey,)
        assert run(["gpg", "--show-keys", "--with-colons", str(tmp_path / name)]).stdout.count(":e:") == 0


def test_text_around_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    text = exported(tmp_path, "archive", armoured=True).replace(b"\n", b"\r\n")
    [key] = read_public_keys(b"Our key:\r\n" + text + b"\r\nThank you.\r\n")
    assert key.fingerprint == throwaway_key("archive").fingerprint


def refused(content: bytes) -> str:
    with pytest.raises(ValueError) as caught:
        read_public_keys(content)
    return str(caught.value).partition(":")[0]


def test_what_is_no_public_key(tmp_path: Path) -> None:
    key = exported(tmp_path, "archive")
    text = exported(tmp_path, "archive", armoured=True)
    signature = tmp_path / "signature"
    throwaway_key("archive").sign_detached(tmp_path / "archive.key", signature)
    assert refused(b"") == "is not an OpenPGP key"
    for content in (b"a key\n", b"<html>not found</html>", key[:-3]):
        assert refused(content) == "is not an OpenPGP key, or one that was cut"
    assert refused(text[:300]) == "begins like an OpenPGP key and has no end"
    assert refused(text.replace(b"\n\n", b"\n\n*", 1)) == "is an OpenPGP key that was damaged"
    secret, keybox = throwaway_key("archive").secret(), throwaway_key("archive").home / "pubring.kbx"
    assert refused(secret.encode()) == "holds a secret key, which must never leave its owner"
    assert refused(signature.read_bytes()) == "is a PGP SIGNATURE and no public key"
    assert refused(keybox.read_bytes()) == "is a keybox of GnuPG and no exported key"


def test_altered_bytes_are_read_or_refused(tmp_path: Path) -> None:
    key = exported(tmp_path, "archive")
    chance = random.Random(4)
    for _ in range(3000):
        altered = bytearray(key)
        for _ in range(chance.randrange(1, 4)):
            altered[chance.randrange(len(altered))] = chance.randrange(256)
        try:
            keys = read_public_keys(bytes(altered[: chance.randrange(len(altered) + 1)]))
        except ValueError:
            continue
        assert keys


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("0123456789ABCDEF0123456789ABCDEF01234567", True),
        ("0x0123456789abcdef0123456789abcdef01234567", True),
        ("0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567", True),
        ("0x89ABCDEF01234567", False),
        ("keys/tools.asc", False),
    ],
)
def test_fingerprints_as_people_write_them(text: str, is_one: bool) -> None:
    assert written_fingerprint(text) == ("0123456789ABCDEF0123456789ABCDEF01234567" if is_one else None)
