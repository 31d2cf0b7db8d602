"""The script before an injected command, in a real root without network: what it leaves alone, and what it says."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.deploy.admission import SETTINGS
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Container, Isolation, throwaway

from package_cache.process import Completed

ENTER = ("sh", "-c", SETTINGS["data"]["enter.sh"], "package-cache-enter")
LOG = "/dev/termination-log"

ENDS_THE_CONTAINER = """
for process in /proc/[0-9]*; do
    if grep -q package-cache-enter "$process/cmdline"; then kill -TERM "${process#/proc/}"; fi
done
sleep 60
"""


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    cache.add("more", ["other"], [make_deb(tmp_path / "debs", "other")])
    cache.add("slow", ["slow"], [make_deb(tmp_path / "debs", "slow", scripts={"postinst": ENDS_THE_CONTAINER})])
    return cache


@pytest.fixture
def opened(tmp_path: Path, real_root: Callable[..., Path], isolation: Isolation) -> Iterator[Callable[..., Container]]:
    """Start a container with a volume, if one is given, and with the file for its last message."""
    with ExitStack() as stack:

        def open_one(volume: Path | None) -> Container:
            binds = {"/package_cache": volume} if volume else {}
            container = stack.enter_context(throwaway(real_root("ubuntu18.04"), isolation, binds=binds))
            container.run(["touch", LOG])
            return container

        yield open_one


def entered(
    container: Container, *words: str, env: Mapping[str, str] | None = None, stdin: str | None = None
) -> Completed:
    return container.run([*ENTER, *words], env=env, stdin=stdin, check=False, timeout=60)


def installed(container: Container, *packages: str) -> bool:
    return container.run(["dpkg-query", "-W", *packages], check=False).returncode == 0


def last_message(container: Container) -> str:
    return container.run(["cat", LOG]).stdout


def test_a_hit_leaves_the_command_as_it_was(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    odd = ["", " a  b ", "$HOME `x` \"'\\", "--", "--continue", "é\n"]
    done = entered(
        container, "tools more", "--", "sh", "-c", 'cat; printf "<%s>" "$@"; exit 7', "sh", *odd, stdin="in\n"
    )
    assert (done.returncode, done.stdout) == (7, "in\n" + "".join(f"<{word}>" for word in odd))
    assert "package-cache: tools more installed: 2 packages in " in done.stderr
    assert installed(container, "wanted", "other")
    assert last_message(container) == ""
    assert container.run(["sh", "-c", "echo /tmp/*"]).stdout == "/tmp/*\n"


def test_the_command_takes_the_place_of_the_shell(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    """It hears the signals itself, has the same environment and the same handling of signals."""
    container = opened(cache.path)
    facts = "grep -E '^(Sig(Ign|Cgt|Blk)|PPid|Umask):' /proc/$$/status; env | sort; ls -l /proc/self/fd | wc -l"
    looked = ["sh", "-c", facts]
    plain = container.run(looked, env={"ODD": "a\nb"})
    assert entered(container, "tools", "--", *looked, env={"ODD": "a\nb"}).stdout == plain.stdout


def test_a_miss_ends_the_container(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    done = entered(container, "absent", "--", "echo", "started")
    assert (done.returncode, done.stdout) == (10, "")
    assert done.stderr.endswith("package-cache: absent not installed (status 10): the command does not start\n")
    assert last_message(container) == (
        "package-cache: absent not installed (status 10): the cache has no group absent; it has: more slow tools\n"
    )


def test_one_group_of_two_is_missing(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    assert entered(container, "tools absent", "--", "true").returncode == 10
    assert not installed(container, "wanted")


def test_a_miss_that_is_no_reason_to_stop(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    done = entered(container, "--continue", "absent", "--", "sh", "-c", "echo started; exit 3")
    assert (done.returncode, done.stdout) == (3, "started\n")
    assert "cannot install absent (no-such-group): the cache has no group absent" in done.stderr
    assert last_message(container) == ""


@pytest.mark.parametrize("mounted", [True, False])
def test_no_cache(mounted: bool, tmp_path: Path, opened: Callable[..., Container]) -> None:
    (empty := tmp_path / "empty").mkdir()
    container = opened(empty if mounted else None)
    done = entered(container, "tools", "--", "echo", "started")
    assert (done.returncode, done.stdout) == (30, "")
    assert "cannot install tools (cache-missing): there is no cache at /package_cache: the node's" in done.stderr
    assert "(status 30): there is no cache at /package_cache" in last_message(container)
    assert entered(container, "--continue", "tools", "--", "echo", "started").stdout == "started\n"


def test_no_place_for_a_result(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    done = entered(container, "tools", "--", "echo", "started", env={"TMPDIR": "/proc"})
    assert (done.returncode, done.stdout) == (0, "started\n")


def test_the_container_is_ended_meanwhile(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    done = entered(container, "--continue", "slow", "--", "echo", "started")
    assert (done.returncode, done.stdout) == (130, "")
    assert "package-cache: cannot go on: SIGTERM came" in done.stderr
    assert not installed(container, "slow")


def test_a_command_that_is_not_there(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    done = entered(opened(cache.path), "tools", "--", "absent-command")
    assert done.returncode == 127
    assert "package-cache-enter: " in done.stderr
    assert "absent-command: not found" in done.stderr
