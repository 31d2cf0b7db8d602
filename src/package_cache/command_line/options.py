"""Options that several verbs share, and the environment variables behind them: each is read here and nowhere else."""

import datetime
import os
import pwd
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from package_cache.cache.layout import CacheFolder
from package_cache.outside.files import open_regular
from package_cache.values.ages import parse_age
from package_cache.values.errors import UsageError
from package_cache.values.manifest import ALLOW_OUTSIDE, Manifest
from package_cache.values.uris import without_credentials
from package_cache.verbs.options import Options

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_MANIFESTS = ("package_cache_info", "package-cache.toml")
DEFAULT_CACHE = "package_cache"
LOCK = "package-cache.lock"
STATE_VARIABLE = "PACKAGE_CACHE_STATE"
MIRRORS_VARIABLE = "PACKAGE_CACHE_MIRRORS"
AUTH_VARIABLE = "PACKAGE_CACHE_AUTH"


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


class GivenPath(click.Path):
    """A path as the user wrote it. Whether it can be read or written is found out where it is, with its own status."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Fails where it is empty."""
        if value == "":  # it would mean the current folder, for example where a variable of a script is not set
            self.fail("names nothing: write a path", param, ctx)
        return super().convert(value, param, ctx)


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
        type=_Pair(),
        multiple=True,
        metavar="NAME=FILE",
        help="Keys that vouch for a distribution's archive, for mirrors that sign with their own.",
    )
    return mirror(keyring(state_option(function)))


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
    return manifest_option(mirror_options(auth(timeout(uncontained(function)))))


cache_option: Decorator = click.option(
    "--cache",
    type=GivenPath(),
    default=Path(DEFAULT_CACHE),
    show_default=True,
    help="The cache's folder.",
)

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, expose_value=False, help="Print the result as JSON."
)

groups_argument: Decorator = click.argument("groups", metavar="GROUP...", nargs=-1, required=True)


def given_manifest(path: Path | None) -> Manifest:
    """Read the manifest that was named, else the first of the default names that is there."""
    from package_cache.manifests import read_manifest  # noqa: PLC0415 - most verbs need none of it

    names = [Path(name) for name in DEFAULT_MANIFESTS]
    allow_outside = bool(click.get_current_context().meta.get(ALLOW_OUTSIDE))
    return read_manifest(path or next((name for name in names if name.exists()), names[0]), allow_outside=allow_outside)


def given_cache(path: Path) -> CacheFolder:
    """Give the cache's folder, absolute: its path goes into messages and into apt's sources."""
    return CacheFolder(path.absolute())


def given_options(
    mirrors: Iterable[tuple[str, str]],
    keyrings: Iterable[tuple[str, str]],
    state: Path | None,
    precommand_timeout: float = 600.0,
    *,
    auth_file: Path | None = None,
    uncontained_precommands: bool = False,
) -> Options:
    """Merge what the command line and the environment say; where both name an archive, the command line counts.

    `Options.mirrors_over` adds what a manifest says of other archives.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    for name, uri in mirrors:
        chosen[name] = (*chosen.get(name, ()), uri)
    from_environment: dict[str, tuple[str, ...]] = {}
    for word in os.environ.get(MIRRORS_VARIABLE, "").split():
        name, equals, uri = word.partition("=")
        if not equals:
            raise click.UsageError(f"{MIRRORS_VARIABLE}: {without_credentials(word)!r} is not NAME=URI")
        from_environment[name] = (*from_environment.get(name, ()), uri)
    return Options(
        state=given_state(state),
        mirrors={**from_environment, **chosen},
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


def _auth_file(named: Path | None) -> Path | None:
    """Give the file of users and passwords. Raises `UsageError` where it cannot be read: apt would go on without."""
    path = named or (Path(os.environ[AUTH_VARIABLE]) if os.environ.get(AUTH_VARIABLE) else None)
    if path is None:
        return None
    hint = f"name a file of the form of apt_auth.conf(5) with --auth-file or {AUTH_VARIABLE}"
    return _readable(path, "the file of passwords", hint)


def _readable(path: Path, what: str, hint: str) -> Path:
    """Return the absolute path of a file. Raises `UsageError` where it is none, or cannot be read."""
    try:
        with open_regular(path) as file:
            file.read(1)
    except OSError as error:
        raise UsageError(f"cannot read {what} {path}: {error.strerror}", hint=hint) from error
    return path.absolute()


def given_state(state: Path | None) -> Path:
    """Return the folder for what is kept between runs, absolute: apt finds no lists below a relative one."""
    return state.absolute() if state else default_state()


def default_state() -> Path:
    """Return the folder for what is kept between runs. Raises `UsageError` where nothing names one.

    A relative path in XDG_CACHE_HOME is ignored, as the XDG Base Directory Specification demands.
    """
    if own := os.environ.get(STATE_VARIABLE):
        return Path(own).absolute()
    base, home = Path(os.environ.get("XDG_CACHE_HOME", "")), _home()
    if base.is_absolute():
        return base / "package-cache"
    if home is None:
        message = "cannot find a folder for what is kept between runs: this user has no home"
        raise UsageError(message, hint=f"name one with --state or {STATE_VARIABLE}")
    return home / ".cache" / "package-cache"


def _gnupg() -> Path | None:
    """Return the user's GnuPG home; gpg(1) reads a relative GNUPGHOME from the current folder, too."""
    home = _home()
    own = os.environ.get("GNUPGHOME")
    return Path(own).absolute() if own else home and home / ".gnupg"


def _home() -> Path | None:
    """Return the user's home folder: HOME where it is an absolute path, else that of the user database."""
    named = Path(os.environ.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
