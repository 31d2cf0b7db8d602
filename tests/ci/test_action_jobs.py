"""The action in jobs: what it installs, what it keeps, and that it never succeeds without the packages."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.ci.conftest import ENVIRONMENT, HOME, SYSTEM, TOOLS, Runner
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb

pytestmark = pytest.mark.system

HIT = {"cache-hit": "true", "packages": "other=1.0 tool=1.0"}


def facts(outputs: dict[str, str]) -> dict[str, str]:
    """Return the outputs without the seconds."""
    assert re.fullmatch(r"\d+\.\d\d", outputs.get("seconds", "")), outputs
    return {name: value for name, value in outputs.items() if name != "seconds"}


def damage(entry: Path) -> None:
    """Cut a package file of an entry short."""
    [file, *_] = sorted((entry / "pool").glob("*.deb"))
    file.write_bytes(file.read_bytes()[:-1])


def test_a_miss_builds_a_cache_and_a_hit_needs_neither_python_nor_a_network(runner: Runner) -> None:
    miss = runner.job(packages="tool other")
    assert facts(miss.outputs) == {**HIT, "cache-hit": "false"}
    assert [entry.name for entry in runner.entries] == re.findall(r"saved: (\S+)", miss.summary)
    assert "| packages from | a new cache |" in miss.summary
    hit = runner.job(runner.machine(python=False, network=False), packages="other tool")
    assert facts(hit.outputs) == HIT
    assert [hit.installed(name) for name in ("tool", "other", "library")] == ["1.0", "1.0", "1.0"]
    assert (
        hit.summary
        == (
            "### Package Cache\n\n| | |\n| --- | --- |\n| packages from | the restored cache |\n"
            f"| OS release | {SYSTEM}, amd64 |\n| seconds | {hit.outputs['seconds']} |\n"
            f"| cache | {runner.entries[0].name} |\n\n"
            "| package | version |\n| --- | --- |\n| other | 1.0 |\n| tool | 1.0 |\n\n"
        ).rstrip("\n")
        + hit.summary[len(hit.summary.rstrip("\n")) :]
    )
    assert len(runner.entries) == 1
    assert hit.container.run(["sh", "-c", f"ls -A {HOME}/.cache/package-cache-action"]).stdout == ""


def test_ten_runs_over_changed_inputs(runner: Runner) -> None:
    """A run that succeeds has every package in its version; one that fails says so, and fails the job."""
    runner.add("tool", "2.0", depends="library")
    runner.add("broken", scripts={"postinst": "exit 1"})
    runner.archive.publish()
    rows: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"packages": "tool"}, {"tool": "2.0"}),
        ({"packages": "tool"}, {"tool": "2.0"}),
        ({"packages": "tool other"}, {"tool": "2.0", "other": "1.0"}),
        ({"packages": "tool=1.0"}, {"tool": "1.0"}),
        ({"packages": "tool=1.0", "cache_key": "2"}, {"tool": "1.0"}),
        ({"packages": "tool=3.0"}, {}),
        ({"packages": "tool absent"}, {}),
        ({"packages": "tool broken"}, {}),
        ({"packages": "tool other", "fallback": "false"}, {"tool": "2.0", "other": "1.0"}),
        ({"packages": "tool", "cache_key": "2", "skip_man_db": "true"}, {"tool": "2.0"}),
    ]
    hits = []
    for inputs, wanted in rows:
        job = runner.job(**inputs)
        assert (job.ended.returncode == 0) == bool(wanted), job.log
        assert {name: job.installed(name) for name in wanted} == wanted
        assert job.outputs.get("packages", "").split() == sorted(f"{name}={wanted[name]}" for name in wanted)
        assert ("**failed**" in job.summary) == (not wanted)
        hits.append(job.outputs.get("cache-hit"))
    assert hits == ["false", "true", "false", "false", "false", None, None, None, "true", "false"]


def test_a_damaged_entry_is_replaced_by_one_of_another_key(runner: Runner) -> None:
    runner.job(packages="tool other")
    damage(runner.entries[0])
    second = runner.job(packages="tool other")
    assert facts(second.outputs) == {**HIT, "cache-hit": "false"}
    assert "the cache is damaged" in second.log
    assert [entry.name.removeprefix(runner.entries[0].name) for entry in runner.entries] == ["", "-1.1"]
    assert facts(runner.job(packages="tool other").outputs) == HIT


def test_a_cache_that_is_older_than_the_image_is_renewed(runner: Runner) -> None:
    runner.add("exact", depends="library (= 1.0)")
    runner.archive.publish()
    runner.job(packages="exact")
    runner.add("library", "2.0")
    runner.add("exact", "2.0", depends="library (= 2.0)")
    runner.archive.publish()
    machine = runner.machine()
    machine.run(["sh", "-c", "apt-get -q update && apt-get -qy install library"])
    renewed = runner.job(machine, packages="exact")
    assert facts(renewed.outputs) == {"cache-hit": "false", "packages": "exact=2.0"}
    assert len({entry.name for entry in runner.entries}) == 2


def test_without_a_cache_and_a_network_the_job_fails(runner: Runner) -> None:
    job = runner.job(runner.machine(network=False), packages="tool")
    assert (job.ended.returncode, job.outputs, job.installed("tool")) == (1, {}, "")
    assert "cannot install packages: neither a cache nor apt-get installed them" in job.log
    assert "**failed**" in job.summary
    assert runner.entries == []


def test_where_no_cache_can_be_built_apt_installs(runner: Runner) -> None:
    job = runner.job(runner.machine(python=False), packages="tool other")
    assert facts(job.outputs) == {**HIT, "cache-hit": "false"}
    assert "| packages from | apt-get |" in job.summary
    assert runner.entries == []


def test_without_a_fallback_that_is_an_error(runner: Runner) -> None:
    job = runner.job(runner.machine(python=False), packages="tool", fallback="false")
    assert (job.ended.returncode, job.installed("tool")) == (1, "")
    assert "no cache can be used, and fallback is false" in job.log


def test_what_a_build_needs_is_removed_again(runner: Runner) -> None:
    """The archive has packages of these names, but no Python is in them: what follows is apt-get."""
    for name in ("ca-certificates", "distro-info-data", "gpgv", "python-apt-common", "python3", "python3-venv"):
        runner.add(name, "0.1")
    runner.archive.publish()
    machine = runner.machine(python=False)
    job = runner.job(machine, packages="tool")
    assert "python-apt-common python3 python3-venv for that time" in job.log
    assert "there is no Python 3.11 or newer here" in job.log
    assert (job.installed("python3"), job.installed("distro-info-data"), job.installed("tool")) == ("", "", "1.0")


def test_a_manifest_and_its_lock(runner: Runner) -> None:
    runner.files = {"ci/package-cache.toml": MANIFEST}
    first = runner.job(manifest="ci/package-cache.toml", groups="tools")
    assert facts(first.outputs) == {"cache-hit": "false", "packages": "tool=1.0"}
    assert [path.name for path in runner.entries[0].glob("groups/*")] == [f"tools-{SYSTEM}"]
    first.container.run(
        ["sh", "-c", f"{TOOLS}/package-cache/*/bin/package-cache lock --manifest /files/ci/package-cache.toml"],
        env=ENVIRONMENT,
    )
    runner.files["ci/package-cache.lock"] = first.container.path("/files/ci/package-cache.lock").read_text()
    runner.add("tool", "2.0", depends="library")
    runner.archive.publish()
    locked = runner.job(manifest="ci/package-cache.toml")
    assert facts(locked.outputs) == {"cache-hit": "false", "packages": "other=1.0 tool=1.0"}
    again = runner.job(runner.machine(python=False, network=False), manifest="ci/package-cache.toml")
    assert facts(again.outputs) == {"cache-hit": "true", "packages": "other=1.0 tool=1.0"}
    missing = runner.job(manifest="ci/package-cache.toml", groups="tools absent", fallback="false")
    assert "package-cache.toml: no group absent for ubuntu24.04 on amd64" in missing.log
    runner.files["ci/package-cache.toml"] += "# changed\n"
    stale = runner.job(manifest="ci/package-cache.toml", fallback="false")
    assert "it is stale" in stale.log
    assert (stale.ended.returncode, stale.installed("tool")) == (1, "")


MANIFEST = """\
[[group]]
name = "tools"
systems = ["ubuntu24.04", "ubuntu22.04"]
packages = ["tool"]

[[group]]
name = "others"
systems = ["ubuntu24.04"]
packages = ["other"]
"""


def test_a_repository_of_the_request(runner: Runner) -> None:
    vendor = SignedArchive(runner.folder / "archive/vendor", key="vendor")
    vendor.add(make_deb(runner.folder / "debs", "special", depends="library"))
    vendor.publish()
    table = (
        '[[repository]]\nname = "vendor"\nuris = ["file:/archive/vendor"]\nsuite = "stable"\ncomponents = ["main"]\n'
        f'key = """\n{vendor.armoured_keyring.read_text()}"""\n'
    )
    job = runner.job(packages="special tool", repositories=table)
    assert job.outputs.get("packages") == "special=1.0 tool=1.0", job.log
    wrong = runner.job(packages="tool", repositories='[[group]]\nname = "x"\nprecommands = "touch /evil"\n')
    assert "repositories: 'group' does not belong here" in wrong.log
    assert wrong.container.run(["ls", "/evil"], check=False).returncode == 2


def test_an_installer_that_lies_is_found_out(runner: Runner) -> None:
    runner.job(packages="tool")
    (runner.folder / "action/src/package_cache/installer/install_group.sh").write_text("exit 0\n")
    job = runner.job(packages="tool")
    assert (job.ended.returncode, job.outputs) == (1, {})
    assert "dpkg does not have installed: tool" in job.log
    assert len(runner.entries) == 1


def test_what_packages_print_is_no_command_to_the_runner(runner: Runner) -> None:
    runner.add("chatty", scripts={"postinst": "echo '::add-mask::other'; exit 1"})
    runner.archive.publish()
    job = runner.job(packages="chatty other", fallback="false")
    assert "::add-mask::other" in job.log
    assert "***" not in job.log


def test_man_db_is_quiet_only_meanwhile(runner: Runner) -> None:
    runner.add("manual", scripts={"postinst": "test -e /var/lib/man-db/auto-update && echo yes >/ran || echo no >/ran"})
    runner.archive.publish()
    for skip, ran in (("true", "no\n"), ("false", "yes\n")):
        machine = runner.machine()
        machine.run(["sh", "-c", "mkdir -p /var/lib/man-db && : >/var/lib/man-db/auto-update"])
        runner.job(machine, packages="manual", skip_man_db=skip)
        assert machine.run(["cat", "/ran"]).stdout == ran
        machine.run(["test", "-e", "/var/lib/man-db/auto-update"])


def test_a_user_without_sudo(runner: Runner) -> None:
    job = runner.job(user="1001", packages="tool")
    assert job.ended.returncode == 1
    assert "this is user 1001, who has no sudo without a password; run the job as root" in job.log


def test_a_user_with_sudo(runner: Runner) -> None:
    for hit in ("false", "true"):
        machine = runner.machine()
        machine.run(["useradd", "--uid", "1001", "--home-dir", HOME, "runner"])
        machine.run(["sh", "-c", "echo 'runner ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/runner"])
        job = runner.job(machine, user="1001", packages="tool other")
        assert facts(job.outputs) == {**HIT, "cache-hit": hit}, job.log
