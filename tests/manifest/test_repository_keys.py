"""`key` and `fingerprint` of a repository: what can be written there, and what is said of every slip."""

from pathlib import Path

import pytest
from tests.support.keys import throwaway_key

from package_cache.errors import ManifestError
from package_cache.manifest import read_manifest
from package_cache.manifest.model import TrustedKeys

HEAD = (
    '[[group]]\nname = "a"\nsystems = ["debian12"]\npackages = ["bash"]\n'
    '[[repository]]\nname = "r"\nuris = ["file:/r"]\nsuite = "./"\n'
)
LEFT_OUT = "0123456789ABCDEF0123456789ABCDEF01234567"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    throwaway_key("archive").export(Path("one.asc"), armoured=True)
    throwaway_key("stranger").export(Path("other.gpg"))
    Path("two.gpg").write_bytes(
        throwaway_key("archive").export(Path("one.gpg")).read_bytes() + Path("other.gpg").read_bytes()
    )
    return Path("m.toml")


def read(path: Path, fields: str) -> TrustedKeys:
    path.write_text(HEAD + fields + "\n")
    trusted = read_manifest(path).repositories[0].trusted
    assert trusted is not None
    return trusted


def problems(path: Path, fields: str) -> list[str]:
    path.write_text(HEAD + fields + "\n")
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    return [str(problem) for problem in caught.value.problems]


def own() -> str:
    return throwaway_key("archive").fingerprint


def strangers() -> str:
    return throwaway_key("stranger").fingerprint


def test_a_file_or_the_key_itself(path: Path) -> None:
    from_file = read(path, 'key = "one.asc"')
    inline = read(path, f'key = """{Path("one.asc").read_text()}"""')
    assert from_file.keys == inline.keys
    assert [key.fingerprint for key in inline.keys] == [own()]
    assert (from_file.file, inline.file) == (Path("one.asc"), None)


def test_a_fingerprint_takes_its_key_out_of_many(path: Path) -> None:
    trusted = read(path, f'key = "two.gpg"\nfingerprint = "{strangers().lower()}"')
    assert [key.fingerprint for key in trusted.keys] == [strangers()]
    both = read(path, f'key = "two.gpg"\nfingerprint = ["{strangers()}", "{own()}"]')
    assert [key.fingerprint for key in both.keys] == [own(), strangers()]


def test_a_fingerprint_alone_is_for_the_machines_keyrings(path: Path) -> None:
    for fields in (f'key = "0x{LEFT_OUT}"', f'fingerprint = "{LEFT_OUT}"'):
        trusted = read(path, fields)
        assert (trusted.keys, trusted.fingerprints, trusted.place.line) == ((), (LEFT_OUT,), 9)


def test_every_slip_is_named_at_its_place(path: Path) -> None:
    Path("note").write_text("a key\n")
    Path("secret.asc").write_text(throwaway_key("archive").secret())
    export = "\n    export it: gpg --armor --export FINGERPRINT"
    forty = "\n    write all 40 digits, as gpg --show-keys FILE shows them: a shorter one can be of anybody's key"
    names = (
        f"{own()} (Test archive <archive@example.invalid>)\n"
        f"    {strangers()} (Test stranger <stranger@example.invalid>)"
    )
    at = "m.toml:9:1: repository[0].key:"
    below = "m.toml:10:1: repository[0].fingerprint:"
    assert problems(path, 'key = "note"') == [
        f"{at} note is not an OpenPGP key, or one that was cut\n    copy all of it again"
    ]
    assert problems(path, 'key = "secret.asc"') == [
        f"{at} secret.asc holds a secret key, which must never leave its owner{export}"
    ]
    assert problems(path, f'key = """{Path("secret.asc").read_text()}"""') == [
        f"{at} holds a secret key, which must never leave its owner{export}"
    ]
    assert problems(path, 'key = """\nabc\ndef\n"""') == [
        f'{at} has several lines and is no OpenPGP key\n    write key = "keys/tools.asc", or the armoured key'
    ]
    assert problems(path, 'key = "two.gpg"') == [
        f"{at} two.gpg holds 2 keys"
        f'\n    write fingerprint = "…", or a list, of those that sign this repository:\n    {names}'
    ]
    assert problems(path, 'key = "0x89ABCDEF"') == [f"{at} '0x89ABCDEF' is not the fingerprint of a key{forty}"]
    assert problems(path, 'key = "one.asc"\nfingerprint = "89ABCDEF"') == [
        f"{below} '89ABCDEF' is not the fingerprint of a key{forty}"
    ]
    assert problems(path, f'key = "two.gpg"\nfingerprint = "{LEFT_OUT}"') == [
        f"{below} the key is not {LEFT_OUT}\n    it is:\n    {names}"
    ]
    assert problems(path, f'key = "0x{own()}"\nfingerprint = "{own()}"') == [
        f"{below} the key is a fingerprint already\n    leave one of the two out"
    ]


def test_a_subkey_is_not_enough(path: Path) -> None:
    key = throwaway_key("with-subkey")
    subkey = key.subkey
    key.export(Path("sub.gpg"))
    assert problems(path, f'key = "sub.gpg"\nfingerprint = "{subkey}"') == [
        f"m.toml:10:1: repository[0].fingerprint: {subkey} is a subkey of {key.fingerprint}"
        f'\n    write fingerprint = "{key.fingerprint}"'
    ]


def test_a_key_and_unsigned(path: Path) -> None:
    assert problems(path, f'fingerprint = "{LEFT_OUT}"\nallow-unsigned = true') == [
        "m.toml:10:1: repository[0].allow-unsigned: it has a key and may be unsigned\n    leave one of the two out"
    ]
