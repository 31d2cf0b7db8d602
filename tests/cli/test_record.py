"""`record` on the command line: its order, the table of its results, and the rules.

Recording itself is stood for by a function that returns prepared results.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.recordings import plain_recording
from tests.support.world import printed, refused, toml_group

from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run
from package_cache.errors import PackageCacheError
from package_cache.events import Listener
from package_cache.exit_codes import ExitStatus
from package_cache.manifest.model import RuleKind, Where
from package_cache.recording.model import Outcome, OutcomeKind, RecordedImage, RecordOrder, RecordResult
from package_cache.recording.rules import Rules, own_rules
from package_cache.signatures import Signer

RECORDING = plain_recording(packages=12, files=340, bytes=25_600)
IMAGE = RecordedImage("training", "ubuntu18.04", "amd64", "sha256:1234")
RECORDED = Outcome("ssh", (), OutcomeKind.RECORDED, RECORDING, rules=("/var/log/**", "/etc/ssh/ssh_host_rsa_key"))
UNCHANGED = Outcome("nfs", ("ssh",), OutcomeKind.UNCHANGED, RECORDING)
LIVE = Outcome(
    "db", (), OutcomeKind.LIVE, why="a database cluster", path="/var/lib/postgresql/12/main", package="postgresql-12"
)
REFUSED = Outcome(
    "tool", (), OutcomeKind.REFUSED, why="/etc/tool/id differs between two installations and no rule names it",
    path="/etc/tool/id", package="tool-common",
)  # fmt: skip
MANIFEST = (
    'sets = [["ssh", "nfs"]]\n'
    + toml_group("ssh", "openssh-server")
    + toml_group("nfs", "nfs-common")
    + toml_group("db", "postgresql", system="debian12")
    + '[[image]]\nname = "training"\nreference = "docker://localhost:5000/training:2"\ngroups = ["ssh", "nfs"]\n'
    + '[[image]]\nname = "root"\nroot = "root"\n'
    + '[[image]]\nname = "never"\nroot = "root"\nrecord = false\n'
    + '[[image]]\nname = "old"\nstatus = "status"\nsystem = "ubuntu18.04"\n'
    + '[[rule]]\npath = "/etc/tool/id"\nkind = "regenerate"\nreason = "its identity"\ncommand = \'tool-id >"$1"\'\n'
)
Said = tuple[int, str, str]
Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The verb, run in a folder with a manifest; without a word of a cache that is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACKAGE_CACHE_STATE", str(tmp_path / "state"))
    (tmp_path / "package-cache.toml").write_text(MANIFEST)
    (tmp_path / "root").mkdir()
    (tmp_path / "status").touch()

    def said(*words: str) -> Said:
        capfd.readouterr()
        status = run(["record", *words])
        return status, *capfd.readouterr()

    return said


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RecordOrder]:
    """The orders that were given to be recorded."""
    return recording(monkeypatch, RecordResult(()))


def recording(monkeypatch: pytest.MonkeyPatch, result: RecordResult) -> list[RecordOrder]:
    """Have every order end with this result; return the orders."""
    orders = []

    def record(order: RecordOrder, listener: Listener, *, signer: Signer | None = None) -> RecordResult:
        del listener, signer
        orders.append(order)
        return result

    monkeypatch.setattr("package_cache.recording.record.record", record)
    return orders


def test_named_groups_in_one_image(command: Command, asked: list[RecordOrder], tmp_path: Path) -> None:
    reference = "docker://localhost:5000/job:1"
    assert command("ssh", "nfs", "ssh", "--image", reference, "--architecture", "arm64")[0] == 0
    assert command("--root", "root", "--cache", "other", "--state", "kept")[0] == 0
    where = Where(image=reference, architecture="arm64")
    state, cache = tmp_path / "state", CacheFolder(tmp_path / "package_cache")
    assert asked == [
        RecordOrder(cache, ("ssh", "nfs"), (), ((reference, where),), own_rules(), state),
        RecordOrder(
            CacheFolder(tmp_path / "other"), (), (), ((str(tmp_path / "root"), Where(root=tmp_path / "root")),),
            own_rules(), tmp_path / "kept",
        ),
    ]  # fmt: skip
    assert asked[0].groups_of(reference) == ("ssh", "nfs")
    assert asked[1].groups_of(str(tmp_path / "root")) == ()


def test_all_that_a_manifest_has(command: Command, asked: list[RecordOrder], tmp_path: Path) -> None:
    (tmp_path / "login").write_text("{}")
    assert command("--manifest", "package-cache.toml", "--authfile", "login")[0] == 0
    [order] = asked
    assert order.images == (
        ("training", Where(image="docker://localhost:5000/training:2", authfile=tmp_path / "login")),
        ("root", Where(root=tmp_path / "root")),
    )
    assert [order.groups_of(name) for name, _ in order.images] == [("ssh", "nfs"), ("ssh", "nfs", "db")]
    assert [order.sets_of(name) for name, _ in order.images] == [(("ssh", "nfs"),)] * 2
    assert [rule.path for rule in order.rules] == ["/etc/tool/id", *(rule.path for rule in own_rules())]


def test_some_groups_of_a_manifest(command: Command, asked: list[RecordOrder]) -> None:
    assert command("db", "--manifest", "package-cache.toml")[0] == 0
    assert command("ssh", "db", "--manifest", "package-cache.toml")[0] == 0
    assert [[(name, order.groups_of(name), order.sets_of(name)) for name, _ in order.images] for order in asked] == [
        [("root", ("db",), ())],
        [("training", ("ssh",), ()), ("root", ("ssh", "db"), ())],
    ]


def test_manifests_that_have_nothing_to_record(command: Command, tmp_path: Path) -> None:
    refused(command("afs", "--manifest", "package-cache.toml"), 2, "no group of that name", "there are: ssh, nfs, db")
    file = tmp_path / "package-cache.toml"
    file.write_text(MANIFEST.replace('root = "root"\n[[image]]', 'root = "root"\nrecord = false\n[[image]]', 1))
    refused(command("db", "--manifest", "package-cache.toml"), 2, "cannot record db: no image of", "is for it")
    file.write_text(toml_group("ssh", "openssh-server") + '[[image]]\nname = "a"\nroot = "root"\nrecord = false\n')
    refused(command("--manifest", "package-cache.toml"), 2, "it has no [[image]] table of an image to record")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("ssh", "name one system to record in: --image or --root; or --manifest"),
        ("--image docker://x --root root", "name one system to record in"),
        ("--manifest package-cache.toml --root root", "--manifest names the images"),
        ("--manifest package-cache.toml --architecture amd64", "--manifest names the images"),
        ("--root root --architecture AMD64", "'AMD64' is not an architecture"),
        ("--root root --authfile package-cache.toml", "--registry-auth-file needs --image or --manifest"),
        ("--root root --authfile none", "cannot read the credentials of registries"),
        ("ssh --rules", "omit them"),
        ("--rules --root root", "omit them"),
    ],
)
def test_options_that_contradict_each_other(command: Command, words: str, told: str) -> None:
    refused(command(*words.split()), 2, told)


def test_a_table_for_people(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    error = PackageCacheError("cannot read the image", hint="log in", status=ExitStatus.REGISTRY_FAILED)
    images = (replace(IMAGE, outcomes=(RECORDED, UNCHANGED, LIVE, REFUSED)), RecordedImage("old", "", "", "", error))
    recording(monkeypatch, RecordResult(images))
    assert command("--manifest", "package-cache.toml") == (
        19,
        """\
image      group           result       packages   files      size   rules
──────────────────────────────────────────────────────────────────────────
training   ssh             recorded           12     340   25.6 kB   2
training   nfs after ssh   unchanged          12     340   25.6 kB
training   db              live
training   tool            refused
old                        error (14)

training, db: live: a database cluster
    path: /var/lib/postgresql/12/main
    package: postgresql-12

training, tool: refused: /etc/tool/id differs between two installations and no rule names it
    path: /etc/tool/id
    package: tool-common
    next step: add a [[rule]] for the path to package-cache.toml, and record with --manifest

old: cannot read the image
hint: log in
""",
        "",
    )


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [((), 0), ((RECORDED, UNCHANGED), 0), ((LIVE,), 0), ((REFUSED, RECORDED), 19)],
)
def test_only_a_refused_group_is_a_failure(
    command: Command, monkeypatch: pytest.MonkeyPatch, outcomes: tuple[Outcome, ...], status: int
) -> None:
    recording(monkeypatch, RecordResult((IMAGE, replace(IMAGE, outcomes=outcomes))))
    assert command("--root", "root")[0] == status


def test_data_for_programs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    recording(monkeypatch, RecordResult((replace(IMAGE, outcomes=(replace(RECORDED, recording=None), REFUSED)),)))
    status, out, _ = command("--root", "root", "--json")
    envelope = json.loads(out)
    assert (status, envelope["status"], envelope["reason"], envelope["verb"]) == (19, 19, "not-recorded", "record")
    assert envelope["result"] == {
        "images": [
            {
                "name": "training", "system": "ubuntu18.04", "architecture": "amd64", "digest": "sha256:1234",
                "status": 19, "error": None,
                "groups": [
                    {
                        "group": "ssh", "after": [], "kind": "recorded", "recording": None, "why": "", "path": "",
                        "package": "", "rules": ["/var/log/**", "/etc/ssh/ssh_host_rsa_key"],
                    },
                    {
                        "group": "tool", "after": [], "kind": "refused", "recording": None, "why": REFUSED.why,
                        "path": "/etc/tool/id", "package": "tool-common", "rules": [],
                    },
                ],
            }
        ]
    }  # fmt: skip


def test_the_rules_need_no_cache(command: Command) -> None:
    printed(command("--rules"), 0, "/var/log/**", "regenerated by:", "ssh_host_rsa_key.pub: the command of /etc/ssh/")
    value = json.loads(command("--rules", "--json")[1])["result"]
    assert value["digest"] == Rules(own_rules()).digest
    assert [rule["path"] for rule in value["rules"]] == [rule.path for rule in own_rules()]
    assert all(rule["place"] is None and rule["reason"] for rule in value["rules"])


def test_the_rules_of_a_manifest_come_first(command: Command) -> None:
    status, out, _ = command("--rules", "--manifest", "package-cache.toml")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[2] == ["/etc/tool/id", "regenerate", "package-cache.toml:29", "its", "identity"]
    assert lines[3][:3] == [own_rules()[0].path, own_rules()[0].kind.value, "package-cache"]
    first = json.loads(command("--rules", "--manifest", "package-cache.toml", "--json")[1])["result"]["rules"][0]
    assert first == {
        "path": "/etc/tool/id", "kind": RuleKind.REGENERATE.value, "reason": "its identity",
        "command": 'tool-id >"$1"', "place": "package-cache.toml:29", "written_with": "",
    }  # fmt: skip
