"""A whole job in a real root without network: init, plugins served by the cache, the user's command, the end."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.runtime.pod import Pod, entry, job_of
from tests.runtime.test_init_scripts import KEY
from tests.support.lab import Isolation, throwaway

from package_cache.cache.layout import CacheFolder

pytestmark = pytest.mark.system

SYSTEMS = pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])

# What is started in the background of a shell ignores INT, and could not hear it.
SEND = """\
perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' sh %(job)s & pid=$!
while [ ! -e /tmp/up ]; do sleep 0.1; done
kill -%(name)s $pid
wait $pid
echo status $?
"""


@pytest.fixture
def volume(pod: Pod) -> Pod:
    pod.work.mkdir()
    return pod


@SYSTEMS
def test_two_plugins_from_the_cache(
    system: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation, volume: Pod
) -> None:
    callbacks = {"callbacks": [{"event": "taskSucceeds", "commands": ["echo callback"]}]}
    entries = [
        entry("ssh", parameters={"public-key": KEY, "port": 2224}),
        entry("nfs"),
        entry("cmd", parameters=callbacks),
    ]
    commands = ["ssh -V 2>&1 | grep -o OpenSSH", "test -s /run/ssh-plugin.pid && echo sshd", "command -v mount.nfs"]
    done = volume.init(job_of(commands, *entries), PACKAGE_CACHE_DIR=str(real_cache.path))
    assert done.returncode == 0, done.stderr
    with throwaway(real_root(system), isolation, writable_binds={str(volume.work): volume.work}) as job:
        ran = job.run(["sh", str(volume.work / "runtime.d" / "job.sh")], check=False, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-4:] == ["OpenSSH", "sshd", "/sbin/mount.nfs", "callback"]
    summary = next(line for line in ran.stderr.splitlines() if line.startswith("runtime: plugins:"))
    assert re.fullmatch(
        r"runtime: plugins: ssh \d+ s \(ssh by the cache\); nfs \d+ s \(nfs by the cache\); cmd \d+ s", summary
    )


@SYSTEMS
@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143)])
def test_signals_with_the_tools_of_an_old_image(
    name: str,
    status: int,
    system: str,
    real_root: Callable[..., Path],
    isolation: Isolation,
    volume: Pod,
) -> None:
    volume.plugin("a", post="echo post after $PAI_COMMAND_STATUS\n")
    volume.ready(job_of(["touch /tmp/up", "exec sleep 60"], entry("a")))
    script = SEND % {"job": shlex.quote(str(volume.work / "runtime.d" / "job.sh")), "name": name}
    with throwaway(real_root(system), isolation, writable_binds={str(volume.work): volume.work}) as job:
        done = job.run(["sh", "-c", script], check=False, timeout=60)
    assert done.stdout == f"post after {status}\nstatus {status}\n", done.stderr
