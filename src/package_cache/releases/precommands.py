"""A group's precommands: shell, run in a disposable root of the target system before its packages are resolved.

Their changes to the root's apt (sources, keys, preferences) apply when that root's apt resolves packages.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence

from package_cache.apt.isolated import UPDATE_LIMIT, Source
from package_cache.apt.messages import complaints, unusable
from package_cache.apt.solver import Apt, config_text
from package_cache.debconf import DebconfAnswer, answers_in
from package_cache.errors import ArchiveError, PackageCacheError, PrecommandError
from package_cache.events import Listener, Step, Warn
from package_cache.exit_codes import ExitStatus
from package_cache.manifest.model import Group
from package_cache.process import CommandError, Completed
from package_cache.releases.base_root import root_source
from package_cache.releases.distributions import Release
from package_cache.releases.sources import SystemSources
from package_cache.sandbox.bootstrap import make_root
from package_cache.sandbox.container import Container
from package_cache.sandbox.isolation import Isolation, disposable_root, isolation_for
from package_cache.sandbox.network_settings import ENVIRONMENT, tell_network
from package_cache.settings import Options

FOLDER = "/var/lib/package-cache"
"""The folder of our apt's state in the disposable root."""


@contextlib.contextmanager
def prepared_apt(group: Group, sources: SystemSources, options: Options, listener: Listener) -> Iterator[Apt]:
    """Yield the apt of a root of the system in which a group's precommands have run; the block's end removes the root.

    Raises `PrecommandError`, with their output, where they fail or run out of time.
    """
    line = f" (line {group.place.line})" if group.place.line else ""
    subject = f"the precommands of group {group.name!r}{line}"
    isolation = precommand_isolation(sources.release, options)
    source = root_source(sources.release, sources.own)
    root = make_root(source, state=options.state, isolation=isolation, include=["gpgv"], listener=listener)
    with disposable_root(root, isolation, network=True) as container:
        listener(Step(f"running precommands in a root of {sources.system.name}"))
        tell_network(container, options.proxies)
        before = _answers(container)
        _run_commands(container, group.precommands or "", options.precommand_timeout, subject)
        _warn_of_answers(_answers(container) - before, listener)
        yield _updated_apt(container, sources, subject)


def precommand_isolation(release: Release, options: Options) -> Isolation:
    """Return the isolation in which precommands of a release run. Raise `PackageCacheError` if there is none."""
    try:
        return isolation_for(release.system.architecture, uncontained=options.uncontained_precommands)
    except PackageCacheError as error:
        if error.status is ExitStatus.NOT_CONTAINED:
            error.hint = f"{error.hint}; or trust these precommands as yourself: --uncontained-precommands"
        raise


def _run_commands(container: Container, commands: str, limit: float, subject: str) -> None:
    try:
        container.run(["sh", "-e", "-c", f". {ENVIRONMENT}\n{commands}"], timeout=limit)
    except CommandError as error:
        how = f"did not end within {limit:g} s" if error.returncode is None else f"ended with status {error.returncode}"
        raise PrecommandError(
            f"cannot go on: {subject} {how}: {commands}",
            details=error.output,
            hint="try them in a container of that system",
        ) from error


def _answers(container: Container) -> frozenset[DebconfAnswer]:
    """Return the answers in the root's debconf database."""
    script = 'cd /var/cache/debconf 2>/dev/null && cat "$@" 2>/dev/null'
    config, templates = (
        container.run(["sh", "-c", script, "sh", *files], check=False).stdout
        for files in (["config.dat", "passwords.dat"], ["templates.dat"])
    )
    return answers_in(config, templates)


def _warn_of_answers(answers: Iterable[DebconfAnswer], listener: Listener) -> None:
    """Warn of debconf answers that are lost with the root, with the table to write in the manifest."""
    tables = []
    for answer in sorted(answers):
        if wrong := answer.wrong():
            listener(Warn(f"the precommands' answer to {answer.question} is not carried: {wrong[1]}; {wrong[2]}"))
        else:
            fields = ", ".join(f"{key} = {json.dumps(text)}" for key, text in vars(answer).items())
            tables.append(f"{{ {fields} }}")
    if tables:
        where = "write in the group's table of package-cache.toml"
        listener(Warn(f"the precommands' answers to debconf are not carried: {where}: debconf = [{', '.join(tables)}]"))


def _updated_apt(container: Container, sources: SystemSources, subject: str) -> Apt:
    text = config_text(FOLDER, sources.architectures)
    script = f"mkdir -p {FOLDER}/lists/partial {FOLDER}/cache/archives/partial {FOLDER}/log && : >{FOLDER}/status"
    container.run(["sh", "-c", f"{script} && cat >{FOLDER}/apt.conf"], stdin=text)

    def run(argv: Sequence[str], *, stdin: str | None = None) -> Completed:
        env = {"APT_CONFIG": f"{FOLDER}/apt.conf"}
        with_proxies = ["sh", "-c", f'. {ENVIRONMENT}; exec "$@"', "sh", *argv]
        return container.run(with_proxies, env=env, check=False, timeout=UPDATE_LIMIT, stdin=stdin)

    completed = run(["apt-get", "update", "--quiet"])
    words = completed.stdout + completed.stderr
    if completed.returncode != 0 or any(line.startswith(("Err:", "W: Failed")) for line in words.splitlines()):
        raise _unreadable(words, sources.own, subject)
    return Apt(run, sources.architectures[0])


def _unreadable(words: str, sources: Sequence[Source], subject: str) -> PackageCacheError:
    """Return the error for sources that apt cannot read: the release's own, or those that precommands added."""
    found = complaints(words)
    uris = {uri: source for source in sources for uri in source.uris}
    for uri, source in uris.items():
        if found and all(uri in text or "://" not in text for text in found) and any(uri in text for text in found):
            return unusable(source.name, words)
    error = unusable(f"the sources that {subject} added", words)
    if not isinstance(error, ArchiveError):
        return error
    cause = " ".join(found[0].split()) if found else f"apt-get update said:\n{words}"
    return ArchiveError(
        f"cannot go on: apt cannot read the sources that {subject} added: {cause}",
        details="\n".join(found[1:]),
        hint="correct what they write to /etc/apt, and try them in a container of that system",
    )
