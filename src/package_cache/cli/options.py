"""Options that several verbs share, and the environment variables behind them: each is read here and nowhere else."""

import datetime
import functools
import os
import pwd
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from package_cache.ages import parse_age
from package_cache.errors import UsageError
from package_cache.filesystem.confined import open_regular
from package_cache.manifest.model import ALLOW_OUTSIDE, Manifest
from package_cache.manifest_lock import DEFAULT_MANIFESTS
from package_cache.openpgp import written_fingerprint
from package_cache.releases.mirrors import check_uri
from package_cache.settings import Options
from package_cache.signatures import Signer, signer
from package_cache.uris import without_credentials

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_CACHE = "package_cache"
STATE_VARIABLE = "PACKAGE_CACHE_STATE"
MIRRORS_VARIABLE = "PACKAGE_CACHE_MIRRORS"
AUTH_VARIABLE = "PACKAGE_CACHE_AUTH"
DATE_VARIABLE = "SOURCE_DATE_EPOCH"

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
"""The environment variables that name proxies for apt and other programs; each also exists in upper case."""

NO_LIMIT = datetime.timedelta.max
"""The age that `--max-age none` means."""


def absolute_path(text: str) -> Path:
    """Return the absolute path of a text. Raises `ValueError` if it is empty or has control characters.

    Every path of the command line and of the environment passes here, before another program sees it.
    """
    if not text:
        raise ValueError("the path is empty")
    if CONTROL.search(text):
        raise ValueError(f"the path {text!a} has control characters: name another one")
    return Path(text).absolute()


class Given(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.3 on
    """What a function returns for a text of the command line; its `ValueError` is an error of the command line."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value of a text, which may be converted already. Raises `click.BadParameter`."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the mark by which a shell completes paths itself."""
        del ctx, param
        return [CompletionItem(incomplete, type="file")] if self is PATH else []


def _pair(text: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not (name and equals and rest):
        example = f"write one like ubuntu={without_credentials(rest) or '...'}"
        raise ValueError(f"{without_credentials(text)!r} is not NAME=VALUE: {example}")
    return name, rest


def _fingerprint(text: str) -> str:
    found = written_fingerprint(text)
    if found is None:
        raise ValueError(f"{text!r} is not a fingerprint of 40 digits: gpg --list-secret-keys shows it")
    return found


def _named_file(text: str) -> tuple[str, Path]:
    name, file = _pair(text)
    return name, absolute_path(file)


PATH = Given("path", absolute_path)
"""Made absolute. The code that opens it finds out whether it can."""
PAIR = Given("NAME=URI", _pair)
NAMED_FILE = Given("NAME=FILE", _named_file)
AGE = Given("AGE", lambda text: NO_LIMIT if text == "none" else parse_age(text))


def combined(*options: Decorator) -> Decorator:
    """Return a decorator that adds several options to a verb, in the order in which `--help` lists them."""
    return lambda function: functools.reduce(lambda inner, option: option(inner), reversed(options), function)


def max_age_option(text: str) -> Decorator:
    """Return the option that sets the maximum age of a lock or a cache."""
    return click.option("--max-age", type=AGE, help=f"{text} AGE is like 30d, 12h or 4w, or none.")


def _readable_authfile(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    """Return the file. Raises `UsageError` if it cannot be read: skopeo would say so only after minutes of work."""
    hint = "name a file that skopeo login wrote, with --registry-auth-file"
    return value and readable(value, "the credentials of registries,", hint)


allow_outside_option = click.option(
    ALLOW_OUTSIDE,
    is_flag=True,
    expose_value=False,
    callback=lambda ctx, _, value: ctx.meta.update({ALLOW_OUTSIDE: value}),
    help="Also read files that the manifest names outside of its own folder: root folders, status files, keys.",
)
state_option = click.option(
    "--state",
    type=PATH,
    help="Folder for package lists, keyrings and root file systems, kept between runs.  "
    f"[default: ${STATE_VARIABLE}, else package-cache in the user's cache folder]",
)
authfile_option = click.option(
    "--registry-auth-file",
    "--authfile",
    "authfile",
    type=PATH,
    callback=_readable_authfile,
    help="Credentials for registries.  [default: those of skopeo login, or $REGISTRY_AUTH_FILE]",
)
mirror_option = click.option(
    "--mirror",
    "mirrors",
    type=PAIR,
    multiple=True,
    help="Mirror of an archive (ubuntu, debian, debian-security); may be repeated. "
    f"The variable {MIRRORS_VARIABLE} has the same form, separated by spaces.",
)
mirror_options = combined(
    mirror_option,
    click.option(
        "--keyring",
        "keyrings",
        type=NAMED_FILE,
        multiple=True,
        help="Keys that sign a distribution's archive, for a mirror that signs with its own keys.",
    ),
    click.option(
        "--allow-expired",
        is_flag=True,
        help="Accept package lists after their Valid-Until date, such as those of a snapshot or of an old release. "
        "They may lack security updates. The lock records it.",
    ),
    state_option,
)
"""The options of verbs that download from archives."""

fill_option = click.option(
    "--fill",
    type=PATH,
    multiple=True,
    help="Kubernetes manifest whose references to this name and tag get the digest, and whose values before "
    "`# expect: GROUP...` the hashes of these groups. May be repeated.",
)
manifest_option = click.option(
    "--manifest", type=PATH, help=f"The manifest.  [default: {DEFAULT_MANIFESTS[0]}, else {DEFAULT_MANIFESTS[1]}]"
)
file_options = combined(
    click.option(
        "--snapshot",
        "snapshots",
        type=PAIR,
        multiple=True,
        help="Mirror that keeps old versions of an archive or of a repository of the manifest, for locked files that "
        "no other mirror has any more; may be repeated.",
    ),
    click.option(
        "--auth-file",
        "auth",
        type=PATH,
        metavar="FILE",
        help="Users and passwords for archive servers, as in apt_auth.conf(5), instead of /etc/apt/auth.conf. "
        f"The variable {AUTH_VARIABLE} names it as well.",
    ),
)
"""Options about package files that a lock names."""

archive_options = combined(
    manifest_option,
    allow_outside_option,
    mirror_options,
    file_options,
    click.option(
        "--precommand-timeout",
        type=click.FloatRange(min=1),
        default=600.0,
        show_default=True,
        metavar="SECONDS",
        help="Maximum time for the precommands of one group.",
    ),
    click.option(
        "--uncontained-precommands",
        is_flag=True,
        help="Run precommands even if this machine cannot isolate them: in a copy of a root file system, but with all "
        "rights of root over this machine. Only for a manifest that you wrote yourself.",
    ),
)
"""The options of verbs that resolve or build a manifest."""

sign_options = combined(
    click.option(
        "--sign-by",
        "sign_by",
        type=Given("FINGERPRINT", _fingerprint),
        multiple=True,
        help="Sign each group's Release with this key, by gpg; may be repeated, so that keys can be replaced.",
    ),
    click.option(
        "--signing-key",
        type=PATH,
        metavar="FILE",
        help="File with the secret keys, without passphrases.  [default: the keys of this user's gpg]",
    ),
)

cache_option = click.option("--cache", type=PATH, default=DEFAULT_CACHE, show_default=True, help="Folder of the cache.")
groups_argument = click.argument("groups", metavar="GROUP...", nargs=-1, required=True)


def verb(name: str) -> Callable[[Callable[..., int]], click.Command]:
    """Return the decorator that makes a command of a function: it gets the renderer; `--json` is its last option."""

    def decorate(function: Callable[..., int]) -> click.Command:
        command = click.command(name)(click.pass_obj(function))
        json = click.Option(["--json", "as_json"], is_flag=True, expose_value=False, help="Print the result as JSON.")
        command.params.append(json)
        return command

    return decorate


def given_signer(sign_by: tuple[str, ...], signing_key: Path | None) -> AbstractContextManager[Signer | None]:
    """Return what signs for the options; nothing where they name no key. Raises `UsageError` for half of them."""
    if signing_key and not sign_by:
        raise click.UsageError("--signing-key needs --sign-by: name the fingerprint of the key")
    return signer(sign_by, signing_key and readable(signing_key, "the signing key", "name a file that gpg exported"))


def given_manifest(path: Path | None) -> Manifest:
    """Read the manifest at `path`, else the first default manifest that exists."""
    from package_cache.manifest import read_manifest  # noqa: PLC0415 - most verbs do not need it

    names = [Path(name).absolute() for name in DEFAULT_MANIFESTS]
    allow_outside = bool(click.get_current_context().meta.get(ALLOW_OUTSIDE))
    path = path or next((name for name in names if name.exists()), names[0])
    here = Path.cwd()
    name = str(path.relative_to(here) if path.is_relative_to(here) else path)
    return read_manifest(path, allow_outside=allow_outside, name=name)


def given_options(
    state: Path | None = None,
    *,
    mirrors: Collection[tuple[str, str]] = (),
    keyrings: Iterable[tuple[str, Path]] = (),
    snapshots: Collection[tuple[str, str]] = (),
    auth: Path | None = None,
    **others: Any,
) -> Options:
    """Return `Options` from the command line and the environment; the command line has priority.

    `Options.with_mirrors` adds the manifest's mirrors of other archives.
    """
    for name, uri in snapshots:
        check_uri(uri, f"a snapshot of {name}", f"--snapshot {name}=scheme://host/path")
    hint = f"name a file in the format of apt_auth.conf(5) with --auth-file or {AUTH_VARIABLE}"
    home = _home()
    auth = auth or _path_of(AUTH_VARIABLE)
    return Options(
        state=state or default_state(),
        mirrors={**_by_name(_mirrors_of_environment()), **_by_name(mirrors)},
        snapshots=_by_name(snapshots),
        proxies={name: os.environ[name] for name in (*PROXIES, *map(str.upper, PROXIES)) if os.environ.get(name)},
        # apt reports every signature as untrusted if it cannot read a keyring, and continues without passwords
        keyrings={
            name: readable(file, f"the keys of {name},", f"name a file of OpenPGP keys: --keyring {name}=FILE")
            for name, file in keyrings
        },
        auth=auth and readable(auth, "the file of passwords", hint),
        gnupg=_path_of("GNUPGHOME") or (home and home / ".gnupg"),  # gpg(1) reads a relative one, too
        **others,
    )


def _mirrors_of_environment() -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in os.environ.get(MIRRORS_VARIABLE, "").split()]
    for name, equals, _ in pairs:
        if not equals:
            raise click.UsageError(f"{MIRRORS_VARIABLE}: {without_credentials(name)!r} is not NAME=URI")
    return [(name, uri) for name, _, uri in pairs]


def _by_name(pairs: Collection[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(uri for other, uri in pairs if other == name) for name, _ in pairs}


def readable(path: Path, what: str, hint: str) -> Path:
    """Return the path of a file. Raises `UsageError` if it cannot be read."""
    try:
        with open_regular(path) as file:
            file.read(1)
    except OSError as error:
        raise UsageError(f"cannot read {what} {path}: {error.strerror}", hint=hint) from error
    return path


def _path_of(variable: str) -> Path | None:
    """Return the path in an environment variable; None if it is not set or empty.

    Raises `UsageError` for an invalid path.
    """
    text = os.environ.get(variable)
    try:
        return absolute_path(text) if text else None
    except ValueError as error:
        raise UsageError(f"cannot use {variable}: {error}") from error


def document_day() -> datetime.date:
    """Return the day of a document, in UTC: that of SOURCE_DATE_EPOCH, in seconds since 1970, else today.

    Raises `UsageError` for a value that its specification (reproducible-builds.org) does not allow.
    """
    text = os.environ.get(DATE_VARIABLE)
    if not text:
        return datetime.datetime.now(datetime.UTC).date()
    try:
        return datetime.datetime.fromtimestamp(int(text), datetime.UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"cannot use {DATE_VARIABLE}: {text!r} is not a number of seconds since 1970") from error


def default_state() -> Path:
    """Return the folder for what is kept between runs. Raises `UsageError` if nothing names one.

    A relative path in XDG_CACHE_HOME is ignored, as the XDG Base Directory Specification demands.
    """
    if own := _path_of(STATE_VARIABLE):
        return own
    base, home = _absolute_path_of("XDG_CACHE_HOME"), _home()
    if base is None and home is not None:
        base = home / ".cache"
    if base is None:
        message = "cannot find a folder for what is kept between runs: this user has no home"
        raise UsageError(message, hint=f"name one with --state or {STATE_VARIABLE}")
    return base / "package-cache"


def _absolute_path_of(variable: str) -> Path | None:
    """Return the absolute path in an environment variable; None if it is not set, or relative and therefore ignored."""
    return _path_of(variable) if os.environ.get(variable, "").startswith("/") else None


def _home() -> Path | None:
    """Return the user's home folder: HOME if it is an absolute path, else the one of the user database."""
    try:
        return _absolute_path_of("HOME") or Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
