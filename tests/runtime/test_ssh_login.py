"""The ssh plugin end to end: its init phase, its pre-script in a root without network, a login, its post-script."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.runtime.phase import PLUGINS, init_phase
from tests.support.lab import Isolation, throwaway

from package_cache.cache.layout import CacheFolder
from package_cache.process import run

pytestmark = pytest.mark.system

LOGIN = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=10 "
    "-i /root/id -p 2222 root@127.0.0.1 'echo logged in as $(id -un)'"
)


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_a_job_with_the_ssh_plugin_can_be_logged_in_to_and_is_closed_again(
    system: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation, tmp_path: Path
) -> None:
    key, work = tmp_path / "id", tmp_path / "work"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    work.mkdir()
    config = f"plugin: ssh\nparameters:\n  public-key: {(tmp_path / 'id.pub').read_text().strip()}\n  port: 2222\n"
    scripts = init_phase(PLUGINS / "ssh", config, tmp_path, PACKAGE_CACHE_DIR=str(real_cache.path))
    assert scripts.result.returncode == 0, scripts.result.stderr

    with throwaway(real_root(system), isolation, writable_binds={str(work): work}) as job:
        job.run(["sh", "-c", "umask 077; cat >/root/id"], stdin=key.read_text())
        prepared = job.run(["bash", "-c", scripts.pre], check=False, timeout=120)
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        assert "package-cache: ssh: served by the cache" in prepared.stderr
        assert job.run(["bash", "-c", LOGIN], timeout=60).stdout == "logged in as root\n"
        job.run(["bash", "-c", scripts.post], timeout=60)
        assert job.run(["bash", "-c", LOGIN], check=False, timeout=60).returncode == 255
