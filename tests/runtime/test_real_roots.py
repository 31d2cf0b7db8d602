"""Plugins and whole jobs in real roots without network: logins, mounts, signals, and the image's own keys."""

import re
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml
from tests.runtime.phase import PLUGINS, Scripts, init_phase
from tests.runtime.pod import Pod, entry, job_of
from tests.runtime.test_init_scripts import KEY
from tests.support.lab import Container, Isolation, throwaway

from package_cache.cache.layout import CacheFolder
from package_cache.process import run

pytestmark = pytest.mark.system

OpenJob = Callable[..., AbstractContextManager[Container]]
Prepare = Callable[..., Scripts]

each_system = pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])


@pytest.fixture
def open_job(real_root: Callable[..., Path], isolation: Isolation) -> OpenJob:
    """Open a root of a system with the volume in it."""

    def open_one(system: str, volume: Path) -> AbstractContextManager[Container]:
        volume.mkdir(exist_ok=True)
        return throwaway(real_root(system), isolation, writable_binds={str(volume): volume})

    return open_one


@pytest.fixture
def prepare(real_cache: CacheFolder, tmp_path: Path) -> Prepare:
    """Run the init script of a plugin, on the volume `work`."""

    def run_it(plugin: str, **parameters: object) -> Scripts:
        config = yaml.safe_dump({"plugin": plugin, "parameters": parameters})
        scripts = init_phase(PLUGINS / plugin, config, tmp_path, PACKAGE_CACHE_DIR=str(real_cache.path))
        assert scripts.result.returncode == 0, scripts.result.stderr
        return scripts

    return run_it


LOGIN = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=10 "
    "-i /root/id -p 2222 root@127.0.0.1 'echo logged in as $(id -un)'"
)


@each_system
def test_a_job_with_the_ssh_plugin_can_be_logged_in_to_and_is_closed_again(
    system: str, prepare: Prepare, open_job: OpenJob, tmp_path: Path
) -> None:
    key = tmp_path / "id"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    scripts = prepare("ssh", **{"public-key": key.with_suffix(".pub").read_text().strip()}, port=2222)
    with open_job(system, tmp_path / "work") as job:
        job.run(["sh", "-c", "umask 077; cat >/root/id"], stdin=key.read_text())
        prepared = job.run(["bash", "-c", scripts.pre], check=False, timeout=120)
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        assert "package-cache: ssh: served by the cache" in prepared.stderr
        assert job.run(["bash", "-c", LOGIN], timeout=60).stdout == "logged in as root\n"
        job.run(["bash", "-c", scripts.post], timeout=60)
        assert job.run(["bash", "-c", LOGIN], check=False, timeout=60).returncode == 255


THEIR_KEY = "ssh-rsa AAAA of the owner of the image"


def test_a_key_is_added_once_to_those_of_the_image(prepare: Prepare, open_job: OpenJob, tmp_path: Path) -> None:
    scripts = prepare("ssh", **{"public-key": KEY}, port=2223)
    keys = f"mkdir /root/.ssh && printf '%s' '{THEIR_KEY}' >/root/.ssh/authorized_keys"  # no newline at its end
    with open_job("ubuntu18.04", tmp_path / "work") as job:
        job.run(["sh", "-c", keys])
        for script in (scripts.pre, scripts.post, scripts.pre, scripts.post):
            job.run(["bash", "-c", script], timeout=120)
        assert job.run(["cat", "/root/.ssh/authorized_keys"]).stdout.splitlines() == [THEIR_KEY, KEY]
        modes = job.run(["stat", "-c", "%a", "/root/.ssh", "/root/.ssh/authorized_keys"]).stdout
        assert modes.split() == ["700", "600"]


@each_system
def test_two_plugins_from_the_cache(system: str, real_cache: CacheFolder, open_job: OpenJob, pod: Pod) -> None:
    callbacks = {"callbacks": [{"event": "taskSucceeds", "commands": ["echo callback"]}]}
    ssh = entry("ssh", parameters={"public-key": KEY, "port": 2224})
    commands = ["ssh -V 2>&1 | grep -o OpenSSH", "test -s /run/ssh-plugin.pid && echo sshd"]
    commands.append("mount.nfs -V 2>&1 | grep -o mount.nfs")
    job = job_of(commands, ssh, entry("nfs"), entry("cmd", parameters=callbacks))
    done = pod.init(job, PACKAGE_CACHE_DIR=str(real_cache.path))
    assert done.returncode == 0, done.stderr
    with open_job(system, pod.work) as container:
        ran = container.run(["sh", str(pod.work / "runtime.d" / "job.sh")], check=False, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-4:] == ["OpenSSH", "sshd", "mount.nfs", "callback"]
    summary = next(line for line in ran.stderr.splitlines() if line.startswith("runtime: plugins:"))
    assert re.fullmatch(
        r"runtime: plugins: ssh \d+ s \(ssh by the cache\); nfs \d+ s \(nfs by the cache\); cmd \d+ s", summary
    )


# What is started in the background of a shell ignores INT, and could not hear it.
SEND = """\
perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' sh %(job)s & pid=$!
while [ ! -e /tmp/up ]; do sleep 0.1; done
kill -%(name)s $pid
wait $pid
echo status $?
"""


@each_system
@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143)])
def test_signals_with_the_tools_of_an_old_image(
    name: str, status: int, system: str, open_job: OpenJob, pod: Pod
) -> None:
    pod.plugin("a", post="echo post after $PAI_COMMAND_STATUS\n")
    pod.ready(job_of(["touch /tmp/up", "exec sleep 60"], entry("a")))
    script = SEND % {"job": shlex.quote(str(pod.work / "runtime.d" / "job.sh")), "name": name}
    with open_job(system, pod.work) as job:
        done = job.run(["sh", "-c", script], check=False, timeout=60)
    assert done.stdout == f"post after {status}\nstatus {status}\n", done.stderr
