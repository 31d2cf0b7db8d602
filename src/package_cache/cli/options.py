"""Options that several verbs share, and the environment variables behind them: each is read here and nowhere else."""

import datetime
import os
import pwd
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from package_cache.ages import parse_age
from package_cache.cache.layout import CacheFolder
from package_cache.errors import UsageError
from package_cache.filesystem.paths import open_regular
from package_cache.manifest.model import ALLOW_OUTSIDE, Manifest
from package_cache.releases.mirrors import check_uri
from package_cache.settings import Options
from package_cache.uris import without_credentials

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_MANIFESTS = ("package_cache_info", "package-cache.toml")
DEFAULT_CACHE = "package_cache"
LOCK = "package-cache.lock"
STATE_VARIABLE = "PACKAGE_CACHE_STATE"
MIRRORS_VARIABLE = "PACKAGE_CACHE_MIRRORS"
AUTH_VARIABLE = "PACKAGE_CACHE_AUTH"


CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
"""Variables by which programs, apt among them, are told of proxies; those in capitals as well."""


class _Pair(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.3 on
    """`name=value`, such as `ubuntu=URI`."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not (name and equals and rest):
            example = f"write one like ubuntu={without_credentials(rest) or '...'}"
            self.fail(f"{without_credentials(str(value))!r} is not NAME=VALUE: {example}", param, ctx)
        return name, rest


class NamedFile(_Pair):
    """`name=file`, with the file's absolute path."""

    name = "NAME=FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return the name and the path. Raises `click.BadParameter` where it is none."""
        name, file = super().convert(value, param, ctx)
        try:
            return name, str(absolute_path(file))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def absolute_path(text: str) -> Path:
    """Return the absolute path that a text means. Raises `ValueError` where it is empty or has control characters.

    Every path of the command line and of the environment comes through here, before any other program sees it.
    """
    if not text:
        raise ValueError("the path is empty")
    if CONTROL.search(text):
        raise ValueError(f"the path {text!a} has control characters: name another one")
    return Path(text).absolute()


class GivenPath(click.Path):
    """A path that the user wrote, made absolute. Whether it can be read or written is found out where it is used."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raise `click.BadParameter` where it is empty or has control characters."""
        try:
            path = absolute_path(os.fspath(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return super().convert(path, param, ctx)


@dataclass(frozen=True)
class MaxAge:
    """An age that was given on the command line; `limit` is None for `none`."""

    limit: datetime.timedelta | None


class _Age(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # as above
    """`30d`, or `none`."""

    name = "AGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> MaxAge:
        if isinstance(value, MaxAge):
            return value
        try:
            return MaxAge(None if value == "none" else parse_age(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def max_age_option(text: str) -> Decorator:
    """Make the option by which a verb refuses what is too old."""
    help_text = f"{text} AGE is like 30d, 12h or 4w, or none."
    option: Decorator = click.option("--max-age", type=_Age(), help=help_text)
    return option


def _allow_outside(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[ALLOW_OUTSIDE] = value


allow_outside_option: Decorator = click.option(
    ALLOW_OUTSIDE,
    is_flag=True,
    expose_value=False,
    callback=_allow_outside,
    help="Read also files outside of the manifest's folder that it names: images' roots and statuses, keys.",
)


def manifest_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a manifest."""
    option = click.option(
        "--manifest",
        type=GivenPath(),
        help=f"The manifest.  [default: {DEFAULT_MANIFESTS[0]}, else {DEFAULT_MANIFESTS[1]}]",
    )
    return option(allow_outside_option(function))


state_option: Decorator = click.option(
    "--state",
    type=GivenPath(),
    help=f"Folder for lists, keys and roots.  [default: ${STATE_VARIABLE}, else package-cache in the "
    "user's cache folder]",
)


def _given_authfile(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    """Return the file. Raises `UsageError` where it cannot be read: skopeo would say so after minutes of work."""
    hint = "name a file as skopeo login writes it, with --registry-auth-file"
    return value and _readable(value, "the credentials of registries,", hint)


authfile_option: Decorator = click.option(
    "--registry-auth-file",
    "--authfile",
    "authfile",
    type=GivenPath(),
    callback=_given_authfile,
    help="Credentials of registries.  [default: those of skopeo login, or $REGISTRY_AUTH_FILE]",
)


def mirror_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of verbs that fetch something from archives."""
    mirror = click.option(
        "--mirror",
        "mirrors",
        type=_Pair(),
        multiple=True,
        metavar="NAME=URI",
        help="Mirror of an archive (ubuntu, debian, debian-security); may be repeated. "
        f"Also: {MIRRORS_VARIABLE}, the same, separated by spaces.",
    )
    keyring = click.option(
        "--keyring",
        "keyrings",
        type=NamedFile(),
        multiple=True,
        metavar="NAME=FILE",
        help="Keys that vouch for a distribution's archive, for mirrors that sign with their own.",
    )
    allow_expired = click.option(
        "--allow-expired",
        is_flag=True,
        help="Use lists also after their Valid-Until, as those of a snapshot or of an old release's archive: they may "
        "lack security updates. The lock says so.",
    )
    return mirror(keyring(allow_expired(state_option(function))))


def archive_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of verbs that resolve and build a manifest."""
    timeout = click.option(
        "--precommand-timeout",
        type=click.FloatRange(min=1),
        default=600.0,
        show_default=True,
        metavar="SECONDS",
        help="The most that one group's precommands may take.",
    )
    auth = click.option(
        "--auth-file",
        type=GivenPath(),
        metavar="FILE",
        help="Users and passwords of archives' servers, as in apt_auth.conf(5), instead of /etc/apt/auth.conf. "
        f"Also: {AUTH_VARIABLE}.",
    )
    uncontained = click.option(
        "--uncontained-precommands",
        is_flag=True,
        help="Run precommands also where this machine cannot contain them: in a copy of a root, but with all of root's "
        "rights over this machine. Only for a manifest that you wrote yourself.",
    )
    snapshot = click.option(
        "--snapshot",
        "snapshots",
        type=_Pair(),
        multiple=True,
        metavar="NAME=URI",
        help="Mirror that keeps old versions, of an archive or a repository of the manifest: asked for locked files "
        "that no other mirror has any more; may be repeated.",
    )
    return manifest_option(mirror_options(snapshot(auth(timeout(uncontained(function))))))


cache_option: Decorator = click.option(
    "--cache",
    type=GivenPath(),
    default=DEFAULT_CACHE,
    show_default=True,
    help="The cache's folder.",
)

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, expose_value=False, help="Print the result as JSON."
)

groups_argument: Decorator = click.argument("groups", metavar="GROUP...", nargs=-1, required=True)


def given_manifest(path: Path | None) -> Manifest:
    """Read the manifest that was named, else the first of the default names that is there."""
    from package_cache.manifest import read_manifest  # noqa: PLC0415 - most verbs need none of it

    names = [Path(name).absolute() for name in DEFAULT_MANIFESTS]
    allow_outside = bool(click.get_current_context().meta.get(ALLOW_OUTSIDE))
    path = path or next((name for name in names if name.exists()), names[0])
    here = Path.cwd()
    name = str(path.relative_to(here) if path.is_relative_to(here) else path)
    return read_manifest(path, allow_outside=allow_outside, name=name)


def given_cache(path: Path) -> CacheFolder:
    """Return the folder of a cache as such."""
    return CacheFolder(path)


def given_options(
    mirrors: Iterable[tuple[str, str]],
    keyrings: Iterable[tuple[str, str]],
    state: Path | None,
    precommand_timeout: float = 600.0,
    *,
    allow_expired: bool = False,
    snapshots: Iterable[tuple[str, str]] = (),
    auth_file: Path | None = None,
    uncontained_precommands: bool = False,
) -> Options:
    """Merge what the command line and the environment say; where both name an archive, the command line counts.

    `Options.mirrors_over` adds what a manifest says of other archives.
    """
    chosen = _by_name(mirrors)
    for name, uri in snapshots:
        check_uri(uri, f"a snapshot of {name}", f"--snapshot {name}=scheme://host/path")
    words = os.environ.get(MIRRORS_VARIABLE, "").split()
    for word in words:
        if "=" not in word:
            raise click.UsageError(f"{MIRRORS_VARIABLE}: {without_credentials(word)!r} is not NAME=URI")
    from_environment = _by_name((name, uri) for name, _, uri in (word.partition("=") for word in words))
    return Options(
        state=given_state(state),
        mirrors={**from_environment, **chosen},
        snapshots=_by_name(snapshots),
        allow_expired=allow_expired,
        proxies=_proxies(),
        # apt would call every signature untrusted if it could not read one
        keyrings={
            name: _readable(Path(file), f"the keys of {name},", f"name a file of OpenPGP keys: --keyring {name}=FILE")
            for name, file in keyrings
        },
        auth=_auth_file(auth_file),
        gnupg=_gnupg(),
        precommand_timeout=precommand_timeout,
        uncontained_precommands=uncontained_precommands,
    )


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, uri in pairs:
        found[name] = (*found.get(name, ()), uri)
    return found


def _proxies() -> dict[str, str]:
    """Return the variables of the environment that name proxies."""
    names = [name for lower in PROXIES for name in (lower, lower.upper())]
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _auth_file(named: Path | None) -> Path | None:
    """Give the file of users and passwords. Raises `UsageError` where it cannot be read: apt would go on without."""
    path = named or _path_of(AUTH_VARIABLE)
    if path is None:
        return None
    hint = f"name a file of the form of apt_auth.conf(5) with --auth-file or {AUTH_VARIABLE}"
    return _readable(path, "the file of passwords", hint)


def _readable(path: Path, what: str, hint: str) -> Path:
    """Return the path of a file. Raises `UsageError` where it cannot be read."""
    try:
        with open_regular(path) as file:
            file.read(1)
    except OSError as error:
        raise UsageError(f"cannot read {what} {path}: {error.strerror}", hint=hint) from error
    return path


def _path_of(variable: str) -> Path | None:
    """Return the path that a variable of the environment names; None where it is not set or empty.

    Raises `UsageError` where it is none.
    """
    text = os.environ.get(variable)
    try:
        return absolute_path(text) if text else None
    except ValueError as error:
        raise UsageError(f"cannot use {variable}: {error}") from error


def given_state(state: Path | None) -> Path:
    """Return the folder for what is kept between runs: the one that was given, or the default."""
    return state or default_state()


def default_state() -> Path:
    """Return the folder for what is kept between runs. Raises `UsageError` where nothing names one.

    A relative path in XDG_CACHE_HOME is ignored, as the XDG Base Directory Specification demands.
    """
    if own := _path_of(STATE_VARIABLE):
        return own
    base, home = _absolute_path_of("XDG_CACHE_HOME"), _home()
    if base is not None:
        return base / "package-cache"
    if home is None:
        message = "cannot find a folder for what is kept between runs: this user has no home"
        raise UsageError(message, hint=f"name one with --state or {STATE_VARIABLE}")
    return home / ".cache" / "package-cache"


def _gnupg() -> Path | None:
    """Return the user's GnuPG home; gpg(1) reads a relative GNUPGHOME from the current folder, too."""
    home = _home()
    return _path_of("GNUPGHOME") or (home and home / ".gnupg")


def _absolute_path_of(variable: str) -> Path | None:
    """Return the path that a variable names; None where it is not set, or is relative and therefore ignored."""
    return _path_of(variable) if os.environ.get(variable, "").startswith("/") else None


def _home() -> Path | None:
    """Return the user's home folder: HOME where it is an absolute path, else that of the user database."""
    named = _absolute_path_of("HOME")
    if named is not None:
        return named
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
