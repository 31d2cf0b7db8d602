"""Init scripts, run as a runtime runs them: which commands each writes, and what it refuses."""

from pathlib import Path

import pytest
import yaml
from tests.runtime.phase import PLUGINS, init_phase

from package_cache.process import run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFctQ2l3QXB4Y2p0bm5iZ2hmZ2hmZ2hmZ2hmZ2hm it's@home"
MOUNT = {"server": "10.0.0.1", "path": "/export/a b", "mount-point": "/mnt/$(touch x)", "options": "ro,nfsvers=4"}


def of(plugin: str, parameters: object, policy: str | None = None) -> str:
    """Return the configuration of a plugin."""
    return yaml.safe_dump({"plugin": plugin, "parameters": parameters, **({"failurePolicy": policy} if policy else {})})


@pytest.mark.parametrize("name", ["cmd", "ssh", "nfs"])
def test_the_description_names_the_script(name: str) -> None:
    assert yaml.safe_load((PLUGINS / name / "desc.yaml").read_text()) == {"name": name, "init-script": "init.py"}


@pytest.mark.parametrize("policy", [None, "fail", "ignore"])
@pytest.mark.parametrize(("plugin", "parameters"), [("ssh", {"public-key": KEY}), ("nfs", None)])
def test_scripts_are_valid_and_obey_the_policy(
    plugin: str, parameters: object, policy: str | None, tmp_path: Path
) -> None:
    scripts = init_phase(PLUGINS / plugin, of(plugin, parameters, policy), tmp_path)
    assert scripts.result.returncode == 0, scripts.result.stderr
    lines = scripts.pre.splitlines()
    assert (lines[1] == "set +o errexit") == (policy == "ignore")
    assert (lines[-1] == "set -o errexit") == (policy == "ignore")
    for shell in ("bash", "dash"):
        run([shell, "-n", str(tmp_path / "pre.sh")])
        run([shell, "-n", str(tmp_path / "post.sh")])


def test_ssh_asks_the_cache_first(tmp_path: Path) -> None:
    scripts = init_phase(PLUGINS / "ssh", with_ssh(), tmp_path)
    assert "package-cache: cannot install ssh (cache-missing): it was not staged: cannot find a cache in" in scripts.pre
    assert "cannot stage group ssh, so its fallback commands will run" in scripts.result.stderr


def test_nfs_quotes_what_it_mounts(tmp_path: Path) -> None:
    config = of("nfs", {"mounts": [MOUNT, {**MOUNT, "server": "fe80::1"}]})
    lines = init_phase(PLUGINS / "nfs", config, tmp_path).pre.splitlines()
    assert lines[-4:-2] == [
        "mkdir -p '/mnt/$(touch x)'",
        "mount -t nfs -o ro,nfsvers=4 '10.0.0.1:/export/a b' '/mnt/$(touch x)'",
    ]
    assert lines[-1] == "mount -t nfs -o ro,nfsvers=4 '[fe80::1]:/export/a b' '/mnt/$(touch x)'"


def with_ssh(**parameters: object) -> str:
    return of("ssh", {"public-key": KEY, "port": 2222, **parameters})


def with_mount(**changes: object) -> str:
    return of("nfs", {"mounts": [{**MOUNT, **changes}]})


EVENT = "event: taskStarts"
WRONG_CMD = {
    "": "there is nothing to do: write parameters.callbacks",
    "{callbacks: []}": "parameters.callbacks must be a list of callbacks, not []",
    f"{{callbacks: {{{EVENT}, commands: [x]}}}}": "parameters.callbacks must be a list of callbacks",
    f"{{callbacks: [{{{EVENT}, commands: [x]}}, y]}}": "callbacks[1] must be a mapping with event and commands, not",
    "{callbacks: [{event: taskFails, commands: [x]}]}": "event must be one of taskStarts, containerStarts, taskSucc",
    "{callbacks: [{event: [taskStarts], commands: [x]}]}": "not ['taskStarts']",
    "{callbacks: [{commands: [x]}]}": "parameters.callbacks[0].event must be one of",
    f"{{callbacks: [{{{EVENT}}}]}}": "callbacks[0].commands must be a list of shell commands, not None",
    f"{{callbacks: [{{{EVENT}, commands: x}}]}}": "commands must be a list of shell commands, not 'x'",
    f"{{callbacks: [{{{EVENT}, commands: [x, 3]}}]}}": "commands[1] must be a shell command, as a text, not 3",
    f"{{callbacks: [{{{EVENT}, commands: [' ']}}]}}": "commands[0] must be a shell command",
    f'{{callbacks: [{{{EVENT}, commands: ["a\\0b"]}}]}}': "commands[0] holds a NUL character",
    f"{{callbacks: [{{{EVENT}, commands: [x], command: x}}]}}": "unknown key 'command': write one of event, commands",
    f"{{callbacks: [{{{EVENT}, commands: [x]}}], preCommands: [x]}}": "say the same thing: write callbacks only",
    "{preCommands: x}": "parameters.preCommands must be a list of shell commands",
    "{commands: [x]}": "unknown parameter 'commands': write one of callbacks, preCommands, postCommands",
}
"""Parameters of cmd, as YAML."""


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
        *(("cmd", f"{{plugin: cmd, parameters: {parameters}}}", message) for parameters, message in WRONG_CMD.items()),
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


INIT = """\
from plugins.plugin_utils import plugin_init, PluginHelper, try_to_install_by_cache

[plugin_config, pre_script, post_script] = plugin_init()
command = [
    try_to_install_by_cache('%(group)s', fallback_cmds=[
        'echo fallback',
        '''cat <<END
it's here
END''',
        'sh -c "exit %(status)d"',
    ]),
    'echo installed',
]
PluginHelper(plugin_config).inject_commands(command, pre_script)
PluginHelper(plugin_config).inject_commands(['echo done'], post_script)
"""


@pytest.mark.parametrize(
    ("policy", "status", "output", "returned"),
    [
        ("fail", 0, "fallback\nit's here\ninstalled\njob\n", 0),
        ("fail", 3, "fallback\nit's here\n", 3),
        ("ignore", 3, "fallback\nit's here\ninstalled\njob\n", 0),
    ],
)
def test_the_generated_script(policy: str, status: int, output: str, returned: int, tmp_path: Path) -> None:
    plugin = tmp_path / "old plugin"
    plugin.mkdir()
    (plugin / "init.py").write_text(INIT % {"group": "none", "status": status})
    path = f"{PLUGINS.parents[1] / 'src'}:{PLUGINS.parent}"
    config = f"plugin: old\nfailurePolicy: {policy}\n"
    scripts = init_phase(plugin, config, tmp_path, PYTHONPATH=path)
    assert scripts.result.returncode == 0, scripts.result.stderr
    with (tmp_path / "pre.sh").open("a") as script:
        script.write("echo job\n")
    result = run(["bash", str(tmp_path / "pre.sh")], check=False)
    assert (result.stdout, result.returncode) == (output, returned)
    assert "package-cache: none: not by the cache (status 30): running the fallback" in result.stderr
    assert scripts.post == "#!/bin/bash\nset -o errexit\necho done\n" or policy == "ignore"
