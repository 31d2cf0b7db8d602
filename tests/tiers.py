"""The two tiers: what `./run tests` leaves to `./run tests --all`, and why.

A test whose file, folder or name the user gives runs in any case.
"""

import re
from collections.abc import Iterable
from typing import Any

import pytest

ALL_ONLY = {
    "tests/attacks/test_bounds.py": "reads and unpacks layers as large as the bounds allow",
    "tests/attacks/test_containment.py": "150 attacks by three users, in a root of Debian 12 and in podman",
    "tests/attacks/test_shared_volume.py": "alters a volume in 93 ways, each in a container of its own",
    "tests/bench": "the benchmarks are no part of the product",
    "tests/check/test_images.py::test_a_product_root_as_an_image": "makes a root as the release was on its first day",
    "tests/check/test_registry.py": "needs a registry",
    "tests/check/test_run.py": "installs in copies of images",
    "tests/ci/test_action_jobs.py": "runs some 40 jobs in disposable machines, many of which build a cache",
    "tests/ci/test_gitlab.py::test_a_pipeline": "builds a cache in a disposable machine",
    "tests/cli/test_companions.py": "builds caches for images of several ages",
    "tests/cli/test_image.py::test_labels_are_short_enough_for_every_runtime": "locks and builds 120 groups",
    "tests/cli/test_lock_for_images.py": "builds caches for images of several ages",
    "tests/cli/test_odd_users.py": "starts the command as users without a home",
    "tests/cli/test_old_archives.py": "resolves from archives of several ages",
    "tests/cli/test_proxies.py": "waits as long as apt waits for servers that do not answer",
    "tests/cli/test_repository_mirrors.py": "asks mirrors that fail in all ways",
    "tests/cli/test_vendor_repositories.py": "resolves from repositories in all forms",
    "tests/deploy/test_driver_repository.py": "uses the apt of Ubuntu 24.04",
    "tests/deploy/test_recipes.py::test_a_recipe_is_at_most_five_commands": "needs a registry",
    "tests/faults/test_architectures.py": "adds an architecture to a root for each fault",
    "tests/faults/test_builds_disk.py": "builds on disks that fill up",
    "tests/faults/test_check_run.py": "ends trial installations at many moments",
    "tests/faults/test_crowds.py": "starts up to ten installers at once",
    "tests/faults/test_leftovers.py": "kills an installer at each of its steps, then installs again",
    "tests/faults/test_readers.py": "reads a cache while it is built again and again",
    "tests/faults/test_replay_conditions.py": "records real groups, then changes what they depend on",
    "tests/faults/test_replay_crowds.py": "starts several replays and apt-get at once",
    "tests/faults/test_replay_disk.py": "replays a real group on disks that fill up",
    "tests/faults/test_replay_kills.py": "kills replays at each of their steps, after recording real groups",
    "tests/image/test_kills.py": "kills an init container at 25 moments",
    "tests/image/test_layers.py": "cuts thousands of packages into layers",
    "tests/image/test_parts.py": "builds a cache for two architectures",
    "tests/installer/test_lint.py::test_only_what_bash_alone_reads_is_a_bashism": "needs devscripts, a large package",
    "tests/installer/test_keyring.py": "uses the apt of four releases",
    "tests/installer/test_replay.py::test_a_signal_at_any_point": "kills and interrupts replays at many points",
    "tests/plugin/online/test_dpkg.py": "waits for locks in seconds",
    "tests/plugin/online/test_packages.py": "updates real roots of three releases from an archive",
    "tests/plugin/online/test_sources.py": "updates a root from sources of all kinds",
    "tests/pods": "needs podman and a registry, and images of real roots",
    "tests/recording/test_real_groups.py": "records real groups of three releases",
    "tests/recording/test_record.py::test_programs_of_a_hostile_image_that_no_honest_one_has": "records two groups",
    "tests/recording/test_users.py": "records in an image of a real root, which is made for it",
    "tests/recording/test_record.py::test_two_images_with_the_same_status": "copies a root",
    "tests/runtime/test_init_killed.py": "kills an init container at each of its steps",
    "tests/runtime/test_job_signals.py::test_signals_at_any_moment_are_never_lost": "sends a signal at many moments",
    "tests/report/test_browser.py": "needs chromium, a large package",
    "tests/sandbox/test_root_sources.py": "waits for mirrors that do not answer",
    "tests/system/test_emulation.py": "needs an emulator",
    "tests/system/test_precommands.py": "makes a root for each precommand",
    "tests/system/test_real_packages.py": "downloads build-essential and nfs-common for three releases",
    "tests/system/test_signatures.py": "uses the apt of the oldest and of the newest release",
    "tests/system/test_two_architectures.py": "installs real packages of two architectures",
    "tests/system/test_upgraded_root.py": "makes roots as the releases were on their first day",
    "tests/system/test_vendor_repository.py": "makes a root with a vendor's repository",
    "tests/test_packaging.py": "builds the package and installs its dependencies again",
}
"""Tests of the second tier, by folder, file or function, each with the reason."""

FIRST_ROW = {
    "tests/archive/test_downloads_from_bad_servers.py": "each row waits for another server",
    "tests/attacks": "rows name another file, variable or document, which the same code refuses",
    "tests/cache/test_publishing_killed.py": "rows end the same writer at each of its steps in another way",
    "tests/cache/test_recordings_in_builds.py": "rows damage another file",
    "tests/check/test_predictions.py": "each row installs in a root what `check` has predicted",
    "tests/cli": "rows name another option or file of the same command",
    "tests/faults": "rows inject another fault, or the same one at another moment",
    "tests/fuzz/test_large.py": "rows name another document",
    "tests/image/test_stage_volumes.py": "rows name another file of the volume",
    "tests/installer/test_damage.py": "rows damage another file",
    "tests/installer/test_failures.py": "rows name another script that fails",
    "tests/installer/test_misses.py": "rows name another reason, each in a root",
    "tests/installer/test_packages.py": "rows name another shell or set of marks, each in a root",
    "tests/installer/test_replay.py": "rows name another difference or moment, each in a root",
    "tests/installer/test_surroundings.py": "rows name another image, each in a root",
    "tests/plugin/online": "each row updates a root from an archive",
    "tests/plugin/test_fallback_commands.py": "rows name another shell and list of commands",
    "tests/recording/test_record.py": "each row records a group",
    "tests/runtime/test_cmd_plugin.py": "rows name another event",
    "tests/runtime/test_init_phase.py": "rows break a plugin in another way",
    "tests/runtime/test_init_scripts.py": "rows name another wrong configuration",
    "tests/runtime/test_job_entry.py": "rows name another shell",
    "tests/runtime/test_job_problems.py": "rows name another problem",
    "tests/runtime/test_job_signals.py": "rows name another shell or signal",
    "tests/sandbox": "rows name another isolation",
}
"""Tests of which the first tier runs one row of each function, each with the reason."""

ROOT = "ubuntu18.04"
"""The release whose root the first tier has, beside this host's own in tests/system/test_systems.py."""

_RELEASE = re.compile(r"\b(?:ubuntu\d\d\.\d\d|debian\d+)\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the second tier."""
    explained = "run all tests, not only the first tier (tests/tiers.py)"
    parser.addoption("--all", action="store_const", const="all", default="", help=explained)


@pytest.hookimpl(specname="pytest_configure")
def pytest_configure_tier(config: pytest.Config) -> None:
    """Choose the second tier where the user names tests; workers parse the same command line."""
    option = config.option
    named = config.args_source is config.ArgsSource.ARGS or option.keyword or option.markexpr
    if named or getattr(option, "lf", False):
        option.all = option.all or "named"


def is_quick(config: pytest.Config) -> bool:
    """Return whether only the first tier runs."""
    return not config.option.all


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what the first tier leaves out."""
    quick = list(_quick(items))
    config.stash[_LEFT] = len(items) - len(quick)
    if hasattr(config, "workeroutput"):
        config.workeroutput[_KEY] = config.stash[_LEFT]
    if is_quick(config):
        chosen = set(quick)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = quick


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Read from a worker how many tests the first tier leaves out."""
    node.config.stash[_LEFT] = getattr(node, "workeroutput", {}).get(_KEY, 0)


@pytest.hookimpl(specname="pytest_terminal_summary")
def pytest_terminal_summary_tier(terminalreporter: Any, config: pytest.Config) -> None:
    """Print which tier ran, and what the other one has."""
    left = config.stash.get(_LEFT, 0)
    if is_quick(config):
        terminalreporter.write_line(f"This was the first tier. To run {left} more tests: ./run tests --all")
    elif config.option.all == "all":
        terminalreporter.write_line(f"These were all tests. To run {left} fewer, the first tier: ./run tests")


def covers(entry: str, nodeid: str) -> bool:
    """Return whether an entry names a test, its file, or a folder of it."""
    return nodeid.startswith((f"{entry}/", f"{entry}::", f"{entry}[")) or nodeid == entry


def _quick(items: Iterable[pytest.Item]) -> Iterable[pytest.Item]:
    """Yield the tests of the first tier."""
    seen = set()
    for item in items:
        function, _, row = item.nodeid.partition("[")
        if any(covers(entry, item.nodeid) for entry in ALL_ONLY):
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "state" in getattr(item, "fixturenames", ()) and set(_RELEASE.findall(f"{row} {parameters}")) - {ROOT}:
            continue
        if function in seen and any(covers(entry, item.nodeid) for entry in FIRST_ROW):
            continue
        seen.add(function)
        yield item


_KEY = "package-cache tests left out"
_LEFT = pytest.StashKey[int]()
