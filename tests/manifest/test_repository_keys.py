"""`key` and `fingerprint` of a repository: what can be written there, and what is said of every slip."""

from pathlib import Path

import pytest
from tests.manifest.conftest import problems, read
from tests.support.keys import throwaway_key
from tests.support.world import toml_group

from package_cache.manifest.model import TrustedKeys

HEAD = toml_group("a", "bash", system="debian12") + '[[repository]]\nname = "r"\nuris = ["file:/r"]\nsuite = "./"\n'
LEFT_OUT = "0123456789ABCDEF0123456789ABCDEF01234567"


@pytest.fixture(autouse=True)
def _keys(_in_a_folder: None) -> None:
    throwaway_key("archive").export(Path("one.asc"), armoured=True)
    throwaway_key("stranger").export(Path("other.gpg"))
    one = throwaway_key("archive").export(Path("one.gpg"))
    Path("two.gpg").write_bytes(one.read_bytes() + Path("other.gpg").read_bytes())


def trusted_keys(fields: str) -> TrustedKeys:
    trusted = read(f"{HEAD}{fields}\n").repositories[0].trusted
    assert trusted is not None
    return trusted


def said(fields: str) -> list[str]:
    return problems(f"{HEAD}{fields}\n")


def own() -> str:
    return throwaway_key("archive").fingerprint


def strangers() -> str:
    return throwaway_key("stranger").fingerprint


def test_a_file_or_the_key_itself() -> None:
    from_file = trusted_keys('key = "one.asc"')
    inline = trusted_keys(f'key = """{Path("one.asc").read_text()}"""')
    assert from_file.keys == inline.keys
    assert [key.fingerprint for key in inline.keys] == [own()]
    assert (from_file.file, inline.file) == (Path("one.asc"), None)


def test_a_fingerprint_takes_its_key_out_of_many() -> None:
    trusted = trusted_keys(f'key = "two.gpg"\nfingerprint = "{strangers().lower()}"')
    assert [key.fingerprint for key in trusted.keys] == [strangers()]
    both = trusted_keys(f'key = "two.gpg"\nfingerprint = ["{strangers()}", "{own()}"]')
    assert [key.fingerprint for key in both.keys] == [own(), strangers()]


def test_a_fingerprint_alone_is_for_the_machines_keyrings() -> None:
    for fields in (f'key = "0x{LEFT_OUT}"', f'fingerprint = "{LEFT_OUT}"'):
        trusted = trusted_keys(fields)
        assert (trusted.keys, trusted.fingerprints, trusted.place.line) == ((), (LEFT_OUT,), 9)


def test_every_slip_is_named_at_its_place() -> None:
    Path("note").write_text("a key\n")
    secret = throwaway_key("archive").secret()
    Path("secret.asc").write_text(secret)
    holds_secret = "holds a secret key, which must never leave its owner -> export it: gpg --armor --export FINGERPRINT"
    forty = (
        "is not the fingerprint of a key -> write all 40 digits, as gpg --show-keys FILE shows them: "
        "a shorter one can be of anybody's key"
    )
    names = (
        f"{own()} (Test archive <archive@example.invalid>) -> {strangers()} (Test stranger <stranger@example.invalid>)"
    )
    for fields, slip in {
        'key = "note"': "key: note is not an OpenPGP key, or one that was cut -> copy all of it again",
        'key = "secret.asc"': f"key: secret.asc {holds_secret}",
        f'key = """{secret}"""': f"key: {holds_secret}",
        'key = """\nabc\ndef\n"""': "key: has several lines and is no OpenPGP key"
        ' -> write key = "keys/tools.asc", or the armoured key',
        'key = "two.gpg"': "key: two.gpg holds 2 keys"
        f' -> write fingerprint = "…", or a list, of those that sign this repository: -> {names}',
        'key = "0x89ABCDEF"': f"key: '0x89ABCDEF' {forty}",
        'key = "one.asc"\nfingerprint = "89ABCDEF"': f"fingerprint: '89ABCDEF' {forty}",
        f'key = "two.gpg"\nfingerprint = "{LEFT_OUT}"': f"fingerprint: the key is not {LEFT_OUT} -> it is: -> {names}",
        f'key = "0x{own()}"\nfingerprint = "{own()}"': "fingerprint: the key is a fingerprint already"
        " -> leave one of the two out",
    }.items():
        assert said(fields) == [f"m.toml:{9 if slip.startswith('key') else 10}:1: repository[0].{slip}"]


def test_a_subkey_is_not_enough() -> None:
    key = throwaway_key("with-subkey")
    subkey = key.subkey
    key.export(Path("sub.gpg"))
    assert said(f'key = "sub.gpg"\nfingerprint = "{subkey}"') == [
        f"m.toml:10:1: repository[0].fingerprint: {subkey} is a subkey of {key.fingerprint}"
        f' -> write fingerprint = "{key.fingerprint}"'
    ]


def test_a_key_and_unsigned() -> None:
    assert said(f'fingerprint = "{LEFT_OUT}"\nallow-unsigned = true') == [
        "m.toml:10:1: repository[0].allow-unsigned: it has a key and may be unsigned -> leave one of the two out"
    ]
