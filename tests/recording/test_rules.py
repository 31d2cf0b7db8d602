"""The rules of recordings: which one a path has, and that the program's own do what their rows say."""

import re
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from package_cache.manifest.model import Rule, RuleKind
from package_cache.process import run
from package_cache.recording.rules import Rules, own_rules
from package_cache.recording.secrets import secret_in

OWN = {rule.path: rule for rule in own_rules()}
KEYS = [path for path in OWN if re.search(r"ssh_host_\w+_key\Z", path) and "dsa_key" not in path.replace("ecdsa", "")]


def keep(*paths: str) -> list[Rule]:
    return [Rule(path, RuleKind.KEEP, "r") for path in paths]


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("/a/b", ["/a/b"], ["/a/b/c", "/a", "/a/bc", "/x/a/b", "a/b"]),
        ("/a/*", ["/a/b", "/a/.b", "/a/b.c", "/a/b\nc"], ["/a", "/a/b/c"]),
        ("/a/b?", ["/a/bc", "/a/b."], ["/a/b", "/a/bcd", "/a/b/"]),
        ("/a/*.d/x", ["/a/b.d/x", "/a/.d/x"], ["/a/b/c.d/x", "/a/x"]),
        ("/a/**", ["/a/b", "/a/b/c"], ["/a", "/ab", "/b/a/c"]),
        ("/a/**/x", ["/a/x", "/a/b/x", "/a/b/c/x"], ["/a/bx", "/x", "/a/x/b"]),
        ("/a/**/b/**/x", ["/a/b/x", "/a/1/b/2/x", "/a/b/b/x"], ["/a/x", "/a/1/2/x"]),
        ("/a/[bc]+{d}.e", ["/a/[bc]+{d}.e"], ["/a/b", "/a/[bc]+{d}xe"]),
        ("/ä/ü*", ["/ä/ü1", "/ä/ü\udc80"], ["/ä/u"]),
    ],
)
def test_patterns(pattern: str, matched: list[str], others: list[str]) -> None:
    rules = Rules(keep(pattern))
    assert [path for path in (*matched, *others) if rules.find(path)] == matched


def test_the_first_rule_applies() -> None:
    first, second, third = rules = keep("/a/*", "/a/**", "/**/never")
    find = Rules(rules).find
    assert [find(path) for path in ("/a/never", "/a/b/never", "/never")] == [first, second, third]
    assert Rules([]).find("/a") is None


def test_the_digest_is_of_what_the_rules_do() -> None:
    rule = Rule("/a", RuleKind.REGENERATE, "r", "x")
    changed = [
        [Rule("/b", RuleKind.REGENERATE, "r", "x")],
        [Rule("/a", RuleKind.DROP, "r")],
        [Rule("/a", RuleKind.REGENERATE, "r", "y")],
        [Rule("/a", RuleKind.REGENERATE, "r", written_with="x")],
        [Rule("/a", RuleKind.REGENERATE, "r", written_with="y")],
        [rule, *keep("/b")],
        [*keep("/b"), rule],
        [],
    ]
    digests = [Rules(rules).digest for rules in ([rule], *changed)]
    assert len(set(digests)) == len(digests)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    assert Rules([Rule("/a", RuleKind.REGENERATE, "another", "x")]).digest == digests[0]


def test_each_own_rule_can_apply() -> None:
    rules = Rules(own_rules())
    for rule in own_rules():
        path = rule.path.replace("**", "x/y").replace("*", "x").replace("?", "y")
        assert rules.find(path) is rule, path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/log/apt/history.log", "drop"),
        ("/var/lib/dpkg/status-old", "drop"),
        ("/var/lib/dpkg/status", None),
        ("/var/cache/debconf/passwords.dat", None),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "regenerate"),
        ("/etc/ssh/sshd_config", None),
        ("/etc/ssl/certs/92259bf5.0", "keep"),
        ("/etc/ssl/certs/92259bf5", "keep"),
        ("/etc/ssl/certs/ca-certificates.crt", None),
        ("/usr/share/fonts/.uuid", "keep"),
        ("/usr/share/fonts/truetype/dejavu/.uuid", "keep"),
        ("/usr/lib/jvm/java-8-openjdk-amd64/jre/lib/amd64/server/classes.jsa", "keep"),
        ("/usr/lib/python3/dist-packages/__pycache__/x.cpython-35.pyc", "keep"),
        ("/var/lib/postgresql/15/main/PG_VERSION", "live"),
        ("/var/lib/mysql/mysql/user.frm", "live"),
        ("/etc/ldap/slapd.d/cn=config.ldif", "live"),
        ("/etc/mailname", "live"),
    ],
)
def test_own_rules(path: str, kind: str | None) -> None:
    rule = Rules(own_rules()).find(path)
    assert (rule and rule.kind.value) == kind


def regenerate(staged: Path, path: str, command: str = "") -> Path:
    """Run a rule's command as the installer does; return the file that it wrote."""
    file = Path(f"{staged}{path}")
    file.parent.mkdir(parents=True, exist_ok=True)
    run(["sh", "-c", command or OWN[path].command, "sh", str(file)])
    return file


def test_the_commands_are_shell() -> None:
    for rule in own_rules():
        if rule.kind is RuleKind.REGENERATE:
            assert bool(rule.command) != bool(rule.written_with)
            run(["sh", "-n", "-c", rule.command or ":"])


@pytest.mark.parametrize("path", KEYS)
def test_each_host_gets_its_own_key(tmp_path: Path, path: str) -> None:
    first, second = (regenerate(tmp_path / name, path) for name in "ab")
    assert first.read_bytes() != second.read_bytes()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    public = first.with_name(f"{first.name}.pub").read_text().split()
    assert run(["ssh-keygen", "-y", "-f", str(first)]).stdout.split()[:2] == public[:2]
    assert OWN[f"{path}.pub"].written_with == path


MACHINE, DBUS = "/etc/machine-id", "/var/lib/dbus/machine-id"


def in_an_image(image: Path) -> str:
    """Return the command for D-Bus's identity in an image that has this identity of the machine, or none."""
    return OWN[DBUS].command.replace(" /etc/machine-id", f" {image}")


def test_one_identity_for_the_machine_and_for_dbus(tmp_path: Path) -> None:
    commands = ((MACHINE, ""), (DBUS, in_an_image(tmp_path / "none")))
    for number in range(20):
        folder = tmp_path / str(number)
        threads = [threading.Thread(target=regenerate, args=(folder, *arguments)) for arguments in commands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first, second = (Path(f"{folder}{path}").read_text() for path in (MACHINE, DBUS))
        assert first == second
        assert re.fullmatch(r"[0-9a-f]{32}\n", first)
        assert not list(tmp_path.rglob("*.new"))


@pytest.mark.parametrize(
    ("there", "is_copied"),
    [("0123456789abcdef0123456789abcdef\n", True), ("uninitialized\n", False), ("", False)],
    ids=["valid", "uninitialized", "empty"],
)
def test_dbus_has_the_identity_that_the_image_has(tmp_path: Path, there: str, *, is_copied: bool) -> None:
    (image := tmp_path / "machine-id").write_text(there)
    own = regenerate(tmp_path / "staged", DBUS, in_an_image(image)).read_text()
    assert re.fullmatch(r"[0-9a-f]{32}\n", own)
    assert (own == there) is is_copied


TEMPLATE = """\
[ req ]
default_bits = 2048
distinguished_name = req_distinguished_name
prompt = no
x509_extensions = v3_req
[ req_distinguished_name ]
commonName = @HostName@
[ v3_req ]
basicConstraints = CA:FALSE
subjectAltName = @SubjectAltName@
"""


@pytest.mark.parametrize("name", ["job-1", "x" * 60 + ".example.org"])
def test_a_certificate_for_the_hosts_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (template := tmp_path / "ssleay.cnf").write_text(TEMPLATE)
    (tools := tmp_path / "tools").mkdir()
    (tools / "hostname").write_text(f'#!/bin/sh\n[ "$1" = -f ] && echo {name} || echo short\n')
    (tools / "hostname").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{Path(shutil.which('openssl') or '').parent}:/usr/bin:/bin")
    path = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
    command = OWN[path].command.replace("/usr/share/ssl-cert/ssleay.cnf", str(template))
    assert command != OWN[path].command
    certificate = regenerate(tmp_path / "staged", path, command)
    key = tmp_path / "staged/etc/ssl/private/ssl-cert-snakeoil.key"
    assert OWN["/etc/ssl/private/ssl-cert-snakeoil.key"].written_with == path
    said = run(["openssl", "x509", "-in", str(certificate), "-noout", "-text", "-nameopt", "RFC2253"]).stdout
    assert f"Subject: CN={name if len(name) <= 64 else 'short'}\n" in said
    assert f"DNS:{name}\n" in said
    public = run(["openssl", "pkey", "-in", str(key), "-pubout"]).stdout
    assert run(["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"]).stdout == public
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(file.name for file in (tmp_path / "staged").rglob("*.*")) == [key.name, certificate.name]
    assert (
        subprocess.run(
            ["openssl", "x509", "-in", certificate, "-noout", "-checkend", str(3649 * 86400)], check=False
        ).returncode
        == 0
    )


def test_a_cookie_of_erlang(tmp_path: Path) -> None:
    cookies = {regenerate(tmp_path / name, "/var/lib/rabbitmq/.erlang.cookie").read_text() for name in "ab"}
    assert {len(cookie) for cookie in cookies} == {57}
    assert len(cookies) == 2


def test_a_key_of_munge_without_its_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sh", "head", "setpriv"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    keys = {regenerate(tmp_path / name, "/etc/munge/munge.key").read_bytes() for name in "ab"}
    assert [len(key) for key in keys] == [1024, 1024]


def test_the_public_half_of_a_key_is_no_secret(tmp_path: Path) -> None:
    key = regenerate(tmp_path, "/etc/ssh/ssh_host_ed25519_key")
    assert secret_in(str(key), 0o600, key.read_bytes())
    assert secret_in(f"{key}.pub", 0o644, key.with_name(f"{key.name}.pub").read_bytes()) is None
