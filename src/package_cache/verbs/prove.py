"""`check --run`: groups installed for real, each in a throw-away copy of a root, and compared with the prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.cache.proofs import Proof, add_proofs, release_digest
from package_cache.outside.roots.isolation import Isolation, throwaway
from package_cache.values.errors import PackageCacheError
from package_cache.values.events import Listener, Step, Warn, ignore
from package_cache.values.statuses import ExitStatus
from package_cache.values.verdict import Prediction, Verdict
from package_cache.verbs.check import CheckResult

PLACE = "/run-by-package-cache"
"""Where the cache is seen in the root."""

LIMIT = 3600.0
"""Seconds that installing a group may take."""


@dataclass(frozen=True)
class Run:
    """What came of one group."""

    group: str
    status: int
    """The installer's."""
    installed: int
    agreed: bool
    message: str
    """The installer's, or what was said where it did not come to its end."""


def prove(
    result: CheckResult, cache: CacheFolder, root: Path, isolation: Isolation, listener: Listener = ignore
) -> tuple[Run, ...]:
    """Install each group that was checked in a copy of its own of `root`, without a network, and note what came of it.

    Groups that the cache does not have are left out of what is noted. Where the cache cannot be written, a warning says
    that nothing was noted.
    """
    if not isolation.cuts_network:
        listener(Warn("this machine lets us not cut a root off from the network: the installer uses none all the same"))
    runs = []
    for verdict in result.verdicts:
        listener(Step(f"installing {verdict.group} in a copy of {result.name}"))
        runs.append(_run(verdict, cache, root, isolation))
    try:
        add_proofs(cache, _proofs(result, runs, cache))
    except PackageCacheError as error:
        listener(Warn(f"what came of it is not noted in the cache: {error.message}"))
    return tuple(runs)


def status_of(runs: Sequence[Run]) -> ExitStatus:
    """Give the status of the first run that did not end well."""
    known = {status.code: status for status in ExitStatus}
    failed = next((run.status for run in runs if run.status != 0), 0)
    return known.get(failed, ExitStatus.INTERNAL)


def _run(verdict: Verdict, cache: CacheFolder, root: Path, isolation: Isolation) -> Run:
    file = "/result-of-package-cache"
    with throwaway(root, isolation, binds={PLACE: cache.path}) as container:
        argv = ["sh", f"{PLACE}/{INSTALLER}", "--result", file, "--", verdict.group]
        done = container.run(argv, timeout=LIMIT, check=False)
        place = container.path(file)
        text = place.read_text(encoding="utf-8", errors="replace") if place.is_file() else ""
    facts = {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}
    installed = int(facts["installed"]) if facts.get("installed", "").isdecimal() else 0
    expected = len(verdict.packages) if verdict.prediction is Prediction.HIT else 0
    agreed = bool(facts) and (done.returncode, installed) == (verdict.status.code, expected)
    last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
    return Run(verdict.group, done.returncode, installed, agreed, facts.get("message", "".join(last)))


def _proofs(result: CheckResult, runs: Sequence[Run], cache: CacheFolder) -> list[Proof]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = []
    for run in runs:
        release = release_digest(cache, run.group, result.system)
        if release:
            proof = Proof(
                run.group, result.system, result.architecture, result.name, result.digest, release, run.status,
                run.installed, run.agreed, now,
            )  # fmt: skip
            found.append(proof)
    return found
