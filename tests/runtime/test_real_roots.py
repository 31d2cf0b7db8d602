"""What the plugins leave in a real root: the image's own keys stay, and the NFS client answers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.runtime.phase import PLUGINS, init_phase
from tests.runtime.test_init_scripts import KEY
from tests.support.lab import Isolation, throwaway

from package_cache.cache.layout import CacheFolder

pytestmark = pytest.mark.system

THEIR_KEY = "ssh-rsa AAAA of the owner of the image"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_a_key_is_added_once_to_those_of_the_image(
    real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation, volume: Path
) -> None:
    config = yaml.safe_dump({"plugin": "ssh", "parameters": {"public-key": KEY, "port": 2223}})
    scripts = init_phase(PLUGINS / "ssh", config, volume.parent, PACKAGE_CACHE_DIR=str(real_cache.path))
    prepare = f"mkdir /root/.ssh && printf '%s' '{THEIR_KEY}' >/root/.ssh/authorized_keys"  # no newline at its end
    with throwaway(real_root("ubuntu18.04"), isolation, writable_binds={str(volume): volume}) as job:
        job.run(["sh", "-c", prepare])
        for script in (scripts.pre, scripts.post, scripts.pre):
            job.run(["bash", "-c", script], timeout=120)
        job.run(["bash", "-c", scripts.post], timeout=60)
        assert job.run(["cat", "/root/.ssh/authorized_keys"]).stdout.splitlines() == [THEIR_KEY, KEY]
        modes = job.run(["stat", "-c", "%a", "/root/.ssh", "/root/.ssh/authorized_keys"]).stdout
        assert modes.split() == ["700", "600"]


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_the_nfs_client_is_there(
    system: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation, volume: Path
) -> None:
    scripts = init_phase(PLUGINS / "nfs", "plugin: nfs", volume.parent, PACKAGE_CACHE_DIR=str(real_cache.path))
    with throwaway(real_root(system), isolation, writable_binds={str(volume): volume}) as job:
        prepared = job.run(["bash", "-c", scripts.pre], timeout=120)
        assert "package-cache: nfs: served by the cache" in prepared.stderr.splitlines()
        assert "mount.nfs" in job.run(["mount.nfs", "-V"]).stdout
