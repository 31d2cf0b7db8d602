"""The comparison of two installations sees every difference, and leaves out what a rule names; its table."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bench.recordings import RULES, report, summary
from bench.tree_comparison import Entry, RuleFile, differences, entries
from tests.support.lab import Isolation, throwaway

from package_cache.recording.rules import Rules, own_rules

FILE = Entry("f", "644", "0:0", "5", "1700000000", "1", "", "ab" * 32, "")

CAPABILITY = bytes.fromhex("0100000200040000" + 24 * "0")
"""cap_net_bind_service, effective and permitted, as the kernel stores it (linux/capability.h, vfs_cap_data)."""

CHANGES = r"""
chmod 600 /etc/issue
chown 1:1 /etc/issue.net
echo more >>/etc/fstab
touch -d @86400 /etc/debian_version
ln -sfn elsewhere /etc/os-release
ln /etc/shells /etc/shells.too
rm /etc/host.conf
mkdir -m 750 '/etc/new folder'
echo changed >'/etc/new folder/with a \ in it'
"""

SEEN = """
/etc/debian_version: time <> / 86400
/etc/fstab: size 37 / 42, time <> / new, sha256 <> / <>
/etc/host.conf: only by dpkg
/etc/issue: mode 644 / 600
/etc/issue.net: owner 0:0 / 1:1
/etc/new folder: only by replay
/etc/new folder/with a \\ in it: only by replay
/etc/os-release: size 21 / 9, target ../usr/lib/os-release / elsewhere
/etc/profile: attributes  / security.capability=<>
/etc/shells: links 1 / 2
/etc/shells.too: only by replay
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleFile:
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    rows = (("/var/log/**", "drop"), ("/etc/*key?", "regenerate"), ("/usr/**/c.index", "keep"))
    file.write_text("".join(f'[[rule]]\npath = "{path}"\nkind = "{kind}"\n' for path, kind in rows))
    return RuleFile(file)


def test_patterns_of_rules(rules: RuleFile) -> None:
    paths = {
        "drop": ("/var/log/a", "/var/log/a/b"),
        "regenerate": ("/etc/key1", "/etc/a.key2"),
        "keep": ("/usr/c.index", "/usr/a/b/c.index"),
        "": ("/var/log", "/var/logs/a", "/etc/key", "/etc/a/key1", "/usr/ac.index", "/etc/xkeys/"),
    }
    for kind, of_kind in paths.items():
        assert {path: rules.kind(path) for path in of_kind} == dict.fromkeys(of_kind, kind)


def test_the_programs_rules_are_read_as_the_recorder_reads_them() -> None:
    file, recorders = RuleFile(RULES), Rules(own_rules())
    for pattern in (rule.path for rule in own_rules()):
        for many, some in (("x", "y"), ("x", ""), ("a/b", "y.z"), ("a", "y/z")):
            path = pattern.replace("**", many).replace("*", some).replace("?", "q")
            found = recorders.find(path)
            assert (path, file.kind(path)) == (path, found.kind.value if found else "")


@pytest.mark.parametrize(
    ("path", "other", "seen"),
    [
        ("/a", FILE, []),
        ("/a", replace(FILE, mode="600", sha256="cd"), [f"/a: mode 644 / 600, sha256 {'ab' * 32} / cd"]),
        ("/a", None, ["/a: only by dpkg"]),
        ("/var/log/a", None, []),
        ("/etc/key1", replace(FILE, sha256="cd", size="6", time="new"), []),
        ("/etc/key1", replace(FILE, owner="0:1", sha256="cd"), ["/etc/key1: owner 0:0 / 0:1"]),
        ("/usr/c.index", None, ["/usr/c.index: only by dpkg"]),
        ("/usr/c.index", replace(FILE, attributes="user.a=00"), ["/usr/c.index: attributes  / user.a=00"]),
    ],
)
def test_what_counts(rules: RuleFile, path: str, other: Entry | None, seen: list[str]) -> None:
    assert differences({path: FILE}, {path: other} if other else {}, rules) == seen


@pytest.mark.system
def test_every_change_of_a_root_is_seen(real_root: Callable[..., Path], isolation: Isolation, rules: RuleFile) -> None:
    if isolation is not Isolation.ROOT_NAMESPACES:
        pytest.skip("capabilities of files need root")
    began = time.time() - 1
    with throwaway(real_root("ubuntu18.04"), isolation) as container:
        before = entries(container, began)
        container.run(["sh", "-euc", CHANGES])
        os.setxattr(container.path("/etc/profile"), "security.capability", CAPABILITY)
        after = entries(container, began)
    found = [line for line in differences(before, after, rules) if line.startswith("/etc/")]
    assert [re.sub(r"\b([0-9a-f]{64}|[0-9]{9,})\b", "<>", line) for line in found] == SEEN.strip().splitlines()


def test_the_table_and_its_summary() -> None:
    ssh = {"packages": 13, "paths": 340, "bytes": 25_600, "rules": ["/var/log/**"]}
    ssh |= {"result": "recorded", "why": "", "dpkg_seconds": 0.6, "replay_seconds": 0.15, "differing": 2}
    sql = {"result": "live", "why": "a database | a cluster", "differing": 0}
    rows = [{"system": "debian12", "group": group, **row} for group, row in (("ssh", ssh), ("sql", sql))]
    assert summary(rows) == (
        "1 recordings in 1 systems, compared with real installations: 2 differences; 1 live, 0 refused, 0 failed"
    )
    text = report({"machine": {"cores": "2"}, "rows": rows})
    assert "| debian12 | ssh | recorded | 13 | 340 | 25.6 kB | 1 | 0.60 | 0.15 | 2 |\n" in text
    assert "| debian12 | sql | live | – |" in text
    assert "| `/var/log/**` | 1 |\n" in text
    assert "| debian12 | sql | a database \\| a cluster |\n" in text
