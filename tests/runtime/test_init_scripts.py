"""The init script of each plugin, run as a runtime runs it: which commands it writes, and what it refuses."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from tests.runtime.phase import PLUGINS, init_phase

from package_cache.process import run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFctQ2l3QXB4Y2p0bm5iZ2hmZ2hmZ2hmZ2hmZ2hm it's@home"
SSH = {"plugin": "ssh", "parameters": {"public-key": KEY, "port": 2222}}
MOUNT = {"server": "10.0.0.1", "path": "/export/a b", "mount-point": "/mnt/$(touch x)", "options": "ro,nfsvers=4"}


def config_of(base: Mapping[str, object], **changes: object) -> str:
    return yaml.safe_dump({**base, **changes})


@pytest.mark.parametrize("name", ["cmd", "ssh", "nfs"])
def test_the_description_names_the_script(name: str) -> None:
    assert yaml.safe_load((PLUGINS / name / "desc.yaml").read_text()) == {"name": name, "init-script": "init.py"}


@pytest.mark.parametrize("policy", [None, "fail", "ignore"])
@pytest.mark.parametrize("config", [SSH, {"plugin": "nfs"}])
def test_scripts_are_valid_and_obey_the_policy(
    config: Mapping[str, object], policy: str | None, tmp_path: Path
) -> None:
    text = config_of(config, **({"failurePolicy": policy} if policy else {}))
    scripts = init_phase(PLUGINS / str(config["plugin"]), text, tmp_path)
    assert scripts.result.returncode == 0, scripts.result.stderr
    lines = scripts.pre.splitlines()
    assert (lines[1] == "set +o errexit") == (policy == "ignore")
    assert (lines[-1] == "set -o errexit") == (policy == "ignore")
    for shell in ("bash", "dash"):
        run([shell, "-n", str(tmp_path / "pre.sh")])
        run([shell, "-n", str(tmp_path / "post.sh")])


def test_ssh_asks_the_cache_first(tmp_path: Path) -> None:
    scripts = init_phase(PLUGINS / "ssh", config_of(SSH), tmp_path)
    installer = tmp_path / "work" / "runtime.d" / "install_group.sh"
    assert f"/bin/sh {installer} --cache {tmp_path}/work/package_cache -- ssh <" in scripts.pre
    assert installer.is_file()
    assert "cannot stage group ssh, so its fallback commands will run" in scripts.result.stderr


def test_nfs_quotes_what_it_mounts(tmp_path: Path) -> None:
    config = config_of({"plugin": "nfs", "parameters": {"mounts": [MOUNT, {**MOUNT, "server": "fe80::1"}]}})
    lines = init_phase(PLUGINS / "nfs", config, tmp_path).pre.splitlines()
    assert lines[-4:-2] == [
        "mkdir -p '/mnt/$(touch x)'",
        "mount -t nfs -o ro,nfsvers=4 '10.0.0.1:/export/a b' '/mnt/$(touch x)'",
    ]
    assert lines[-1] == "mount -t nfs -o ro,nfsvers=4 '[fe80::1]:/export/a b' '/mnt/$(touch x)'"


def with_ssh(**parameters: object) -> str:
    return yaml.safe_dump({"plugin": "ssh", "parameters": {**SSH["parameters"], **parameters}})  # type: ignore[dict-item]


def with_mount(**changes: object) -> str:
    return yaml.safe_dump({"plugin": "nfs", "parameters": {"mounts": [{**MOUNT, **changes}]}})


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("ssh", "a: [", "the configuration is not YAML"),
        ("ssh", "!!python/object/apply:os.system ['touch x']", "the configuration is not YAML"),
        ("ssh", "- ssh", "the configuration must be a mapping with the key 'plugin'"),
        ("ssh", "", "the configuration must be a mapping"),
        ("ssh", "parameters: {}", "does not say which plugin it is for"),
        ("ssh", "{plugin: ssh, failurePolicy: retry}", "unknown failurePolicy 'retry': write fail or ignore"),
        ("ssh", "{plugin: ssh, failurePolicy: [fail]}", "unknown failurePolicy"),
        ("ssh", "{plugin: ssh, parameters: [1]}", "parameters must be a mapping"),
        ("ssh", "{plugin: ssh, parameters: {publicKey: x}}", "unknown parameter 'publicKey': write one of public-key"),
        ("ssh", "{plugin: ssh}", "parameters.public-key is missing"),
        ("ssh", with_ssh(port=0), "must be a number from 1 to 65535"),
        ("ssh", with_ssh(port=65536), "must be a number from 1 to 65535"),
        ("ssh", with_ssh(port="22; touch x"), "must be a number from 1 to 65535"),
        ("ssh", with_ssh(port=True), "must be a number from 1 to 65535"),
        ("ssh", with_ssh(**{"public-key": f"{KEY}\n{KEY}"}), "must be one line"),
        ("ssh", with_ssh(**{"public-key": f'command="x" {KEY}'}), "begins with 'command=\"x\"'"),
        ("ssh", with_ssh(**{"public-key": KEY[:20]}), "is no ssh-ed25519 key"),
        ("ssh", with_ssh(**{"public-key": KEY.replace("ssh-ed25519", "ssh-rsa")}), "is no ssh-rsa key"),
        ("ssh", with_ssh(**{"public-key": "ssh-ed25519"}), "is no ssh-ed25519 key"),
        ("nfs", "{plugin: nfs, parameters: {mounts: x}}", "parameters.mounts must be a list"),
        ("nfs", "{plugin: nfs, parameters: {mounts: [x]}}", "parameters.mounts[0] must be a mapping"),
        ("nfs", with_mount(target="x"), "unknown key 'target'"),
        ("nfs", with_mount(server="-o x"), "parameters.mounts[0].server must be a host's name or address"),
        ("nfs", with_mount(path="export"), "parameters.mounts[0].path must be an absolute path"),
        ("nfs", with_mount(**{"mount-point": "/a\nb"}), "parameters.mounts[0].mount-point must be an absolute path"),
        ("nfs", with_mount(options="ro hard"), "parameters.mounts[0].options must be mount options"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_writes_nothing(
    name: str, config: str, message: str, tmp_path: Path
) -> None:
    scripts = init_phase(PLUGINS / name, config, tmp_path)
    assert scripts.result.returncode == 2
    assert message in scripts.result.stderr
    assert len(scripts.result.stderr.splitlines()) == 1
    assert (scripts.pre, scripts.post) == ("#!/bin/bash\n", "#!/bin/bash\n")
    assert not (tmp_path / "work").exists()
