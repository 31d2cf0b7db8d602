"""`check --run`: install each group in a disposable copy of a root and compare the result with the prediction."""

import re
from datetime import UTC, datetime
from pathlib import Path

from package_cache.bounds import bound
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.cache.proofs import Proof, add_proofs, release_digest
from package_cache.check.method import method_of
from package_cache.check.verdict import CheckResult, Run, Verdict
from package_cache.errors import PackageCacheError
from package_cache.escaping import visible_line
from package_cache.events import Listener, Step, Warn
from package_cache.process import CommandError
from package_cache.sandbox.container import Container
from package_cache.sandbox.isolation import Isolation, disposable_root

PLACE = "/run-by-package-cache"
"""The mount point of the cache in the root."""

LIMIT = 3600.0
"""Seconds that installing a group may take."""

RESULT_LIMIT = 60.0
"""Seconds to read the installer's result file."""

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def try_install(
    result: CheckResult, cache: CacheFolder, root: Path, isolation: Isolation, listener: Listener
) -> tuple[Run, ...]:
    """Install each checked group in its own copy of `root`, without a network, and record the results in the cache.

    Groups that the cache does not have, or that were rebuilt meanwhile, are not recorded. A cache that cannot be
    written causes a warning.
    """
    runs, proofs = [], []
    for verdict in result.verdicts:
        listener(Step(f"installing {verdict.group} in a copy of {result.name}"))
        release = release_digest(cache, verdict.group, result.system)
        run = _run(verdict, cache, root, isolation)
        runs.append(run)
        if release and release == release_digest(cache, verdict.group, result.system):  # else it was rebuilt meanwhile
            where, now = visible_line(result.name), datetime.now(UTC).isoformat(timespec="seconds")
            known = run.group, result.system, result.architecture, where, result.digest, release
            proofs.append(Proof(*known, run.status, run.installed, run.agreed, now))
    try:
        add_proofs(cache, proofs)
    except (PackageCacheError, OSError) as error:
        why = error.message if isinstance(error, PackageCacheError) else error.strerror or str(error)
        listener(Warn(f"cannot record the trial installation in the cache: {why}"))
    return tuple(runs)


def _run(verdict: Verdict, cache: CacheFolder, root: Path, isolation: Isolation) -> Run:
    file = "/result-of-package-cache"
    argv = ["sh", f"{PLACE}/{INSTALLER}", "--result", file, "--", verdict.group]
    try:
        with disposable_root(root, isolation, binds={PLACE: cache.path}) as container:
            done = container.run(argv, timeout=LIMIT, check=False)
            text = _result_text(container, file)
    except PackageCacheError as error:  # a timeout, or the image has no shell
        message = ": ".join((error.message, *error.details.splitlines()[-1:]))
        return Run(verdict.group, error.status.code, 0, agreed=False, message=message)
    status = done.returncode
    facts = {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}
    installed = int(facts["installed"]) if _NUMBER.fullmatch(facts.get("installed", "")) else 0
    agreed = bool(facts) and (status, installed) == (verdict.status.code, len(verdict.packages))
    last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
    method = method_of({"method": [facts.get("method", "")]})
    return Run(verdict.group, status, installed, agreed, facts.get("message", "".join(last)), method)


def _result_text(container: Container, file: str) -> str:
    """Return the installer's result file; "" unless it is a regular file, because the image is untrusted."""
    script = f'[ ! -f "$0" ] || head -c {bound("result-bytes")} "$0"'
    try:
        return container.run(["sh", "-c", script, file], timeout=RESULT_LIMIT, check=False).stdout
    except CommandError:  # it does not exit, or prints without end
        return ""
