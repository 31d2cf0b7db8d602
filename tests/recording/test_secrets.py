"""Secrets are found by content, as real programs write them; what only looks alike is none."""

import marshal
import os
import secrets
import struct
from pathlib import Path

import pytest
from tests.support.keys import throwaway_key

from package_cache.process import run
from package_cache.recording.secrets import secret_in

PUBLIC, OWNER = 0o644, 0o600


def openssl(folder: Path, *arguments: str) -> bytes:
    file = folder / "written"
    run(["openssl", *arguments, "-out", str(file)])
    return file.read_bytes()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key in PKCS #8."""
    file = tmp_path / "key.pem"
    run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(file)])
    return file


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_keys_of_ssh(tmp_path: Path, kind: str, form: str) -> None:
    run(["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", "", "-f", str(tmp_path / "key")])
    assert secret_in("/etc/x", PUBLIC, (tmp_path / "key").read_bytes()) == "a private key in PEM"
    assert secret_in("/etc/x", PUBLIC, (tmp_path / "key.pub").read_bytes()) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("pkey",), "a private key in PEM"),
        (("pkcs8", "-topk8", "-passout", "pass:secret"), "a private key in PEM"),
        (("ec", "-aes128", "-passout", "pass:secret"), "a private key in PEM"),
        (("pkey", "-outform", "DER"), "a private key in DER"),
        (("ec", "-outform", "DER"), "a private key in DER"),
        (("pkey", "-pubout"), None),
        (("pkey", "-pubout", "-outform", "DER"), None),
        (("req", "-new", "-x509", "-subj", "/CN=x", "-key"), None),
        (("req", "-new", "-x509", "-subj", "/CN=x", "-outform", "DER", "-key"), None),
    ],
    ids=lambda value: "-".join(word.strip("-") for word in value) if isinstance(value, tuple) else "",
)
def test_keys_and_certificates_of_openssl(
    tmp_path: Path, key: Path, arguments: tuple[str, ...], expected: str | None
) -> None:
    words = [*arguments, str(key)] if arguments[-1] == "-key" else [*arguments, "-in", str(key)]
    assert secret_in("/etc/x", PUBLIC, openssl(tmp_path, *words)) == expected


def test_a_key_store_is_a_secret_if_it_has_a_key(tmp_path: Path, key: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(openssl(tmp_path, "req", "-new", "-x509", "-subj", "/CN=x", "-key", str(key)))
    store = ("pkcs12", "-export", "-in", str(certificate), "-passout", "pass:secret")
    both = openssl(tmp_path, *store, "-inkey", str(key))
    assert secret_in("/etc/x.p12", PUBLIC, both) == "a key store (PKCS #12) with a private key"
    assert secret_in("/etc/x.p12", PUBLIC, openssl(tmp_path, *store, "-nokeys")) is None


def java_key_store(*tags: int, version: int = 2) -> bytes:
    """Return a key store in the format of Java, whose certificates are no real ones."""
    entries = b"".join(
        struct.pack(">IH", tag, 5) + b"alias" + bytes(8) + (b"\0\5X.509" if version == 2 else b"") + b"\0\0\0\3abc"
        for tag in tags
    )
    return struct.pack(">III", 0xFEEDFEED, version, len(tags)) + entries + bytes(20)


@pytest.mark.parametrize(
    ("content", "is_secret"),
    [
        (java_key_store(2, 2), False),
        (java_key_store(2, 2, version=1), False),
        (java_key_store(2, 1), True),
        (java_key_store(3), True),
        (java_key_store(2, 2)[:40], True),
        (java_key_store(2)[:6], True),
        (b"\xca\xfe\xba\xbe" + bytes(20), False),
    ],
)
def test_key_stores_of_java(content: bytes, *, is_secret: bool) -> None:
    said = "a key store of Java with a private key" if is_secret else None
    assert secret_in("/etc/ssl/certs/java/cacerts", PUBLIC, content) == said


def test_keys_of_gnupg() -> None:
    home = throwaway_key().home
    stored = sorted(Path(home, "private-keys-v1.d").iterdir())[0]
    assert secret_in("/root/x.key", PUBLIC, stored.read_bytes()) == "a private key of GnuPG"
    exported = run(["gpg", "--homedir", str(home), "--batch", "--armor", "--export-secret-keys"]).stdout
    assert secret_in("/root/x", PUBLIC, exported.encode()) == "a private key in PEM"
    public = run(["gpg", "--homedir", str(home), "--batch", "--armor", "--export"]).stdout
    assert secret_in("/root/x", PUBLIC, public.encode()) is None


@pytest.mark.parametrize(
    ("path", "mode", "content", "expected"),
    [
        ("/etc/ssl/private/x.pem", 0o640, b"anything", "a file in a folder named private"),
        ("/etc/ssl/private", PUBLIC, b"anything", None),
        ("/usr/share/private-data/x", PUBLIC, b"anything", None),
        ("/etc/bind/rndc.key", 0o640, b'key "rndc-key" {\n\tsecret "nQ5zVYn3RkWnGvbBzbVl0UQ5Vd8=";\n};\n',
         "a password or key in a file that not everyone can read"),
        ("/etc/mysql/debian.cnf", OWNER, b"user = x\npassword = UIvTTiFeZ4EgoXDr\n",
         "a password or key in a file that not everyone can read"),
        ("/etc/bind/rndc.key", PUBLIC, b'secret "nQ5zVYn3RkWnGvbBzbVl0UQ5Vd8=";\n', None),
        ("/etc/shadow", 0o640, b"root:*:19000:0:99999:7:::\nsystemd-network:!*:19000::::::\n", None),
        ("/var/lib/rabbitmq/.erlang.cookie", 0o400, b"SQWMNBVCZXLKJHGFDSAP",
         "random bytes in a file that only its owner can read"),
        ("/etc/id", 0o4700, b"6e1c9f20a4b85d37\n", "random bytes in a file that only its owner can read"),
        ("/etc/list", OWNER, b"a few short words\n" * 100, None),
        ("/etc/list", OWNER, b"=" * 500, None),
        ("/var/lib/x/zeros", OWNER, bytes(100_000), None),
        ("/var/lib/x/state", PUBLIC, b"6e1c9f20a4b85d37\n", None),
        ("/etc/empty", OWNER, b"", None),
        ("/etc/krb5.keytab", PUBLIC, b"\x05\x02\0\0\0\x3b", "a key table of Kerberos"),
        ("/etc/dropbear/key", PUBLIC, b"\0\0\0\7ssh-rsa\0\0\0\3", "a private key of Dropbear"),
    ],
)  # fmt: skip
def test_paths_and_modes(path: str, mode: int, content: bytes, expected: str | None) -> None:
    assert secret_in(path, mode, content) == expected


def test_programs_that_know_the_first_line_of_a_key_have_none() -> None:
    code = compile(
        "BEGIN, END = b'-----BEGIN OPENSSH PRIVATE KEY-----', b'-----END OPENSSH PRIVATE KEY-----'", "x", "exec"
    )
    assert secret_in("/usr/lib/python3/x.pyc", PUBLIC, marshal.dumps(code)) is None


def test_random_keys_are_always_found() -> None:
    for _ in range(2000):
        for content in (os.urandom(16), bytes(4000) + os.urandom(16) + bytes(77), secrets.token_hex(16).encode()):
            assert secret_in("/etc/munge/munge.key", 0o400, content), content
