"""`package-cache record`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import (
    PATH,
    allow_outside_option,
    authfile_option,
    cache_option,
    default_state,
    given_manifest,
    given_signer,
    sign_options,
    state_option,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.formatting import in_bytes, table
from package_cache.manifest.model import Rule, RuleKind, Where
from package_cache.names import ARCHITECTURE
from package_cache.recording.model import Outcome, OutcomeKind, RecordedImage, RecordOrder, RecordResult
from package_cache.recording.order import order_of_manifest
from package_cache.recording.rules import Rules, own_rules


@verb("record")
@click.argument("groups", metavar="[GROUP...]", nargs=-1)
@cache_option
@click.option("--image", metavar="REFERENCE", help="docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR:TAG, oci-archive:FILE")
@click.option("--root", type=PATH, help="Folder with a root file system.")
@click.option(
    "--manifest",
    type=PATH,
    help="Record in all [[image]] tables of this package-cache.toml, each with the groups that it names, in the "
    "manifest's sets as well, and by its [[rule]] tables. Named groups are recorded alone.",
)
@allow_outside_option
@click.option(
    "--architecture",
    metavar="NAME",
    help="Architecture, as dpkg names it.  [default: that of the installed dpkg; of a multi-platform image: amd64]",
)
@authfile_option
@click.option(
    "--rules",
    "show_rules",
    is_flag=True,
    help="Record nothing: print the rules for paths that differ between two installations, with --manifest its own "
    "first.",
)
@sign_options
@state_option
def record_command(
    renderer: Renderer,
    groups: tuple[str, ...],
    *,
    cache: Path,
    image: str | None,
    root: Path | None,
    manifest: Path | None,
    architecture: str | None,
    authfile: Path | None,
    show_rules: bool,
    sign_by: tuple[str, ...],
    signing_key: Path | None,
    state: Path | None,
) -> int:
    """Record what installing groups changes in an image or root, so that its containers repeat it without dpkg.

    Installs each named group, or every group of the cache, in disposable copies without a network, under different
    circumstances, and compares the results. The recording is kept in the cache once a replay of it was equal to a real
    installation. Recordings whose inputs did not change are kept as they are.

    Exits with 0 if every group is recorded, or left to dpkg by a rule. A group whose installations differ in a path
    that no rule names is not recorded: the exit status is 19, and the path, the package and what to do are printed.

    \b
    Examples:
      package-cache record ssh --image docker://localhost:5000/job:latest
      package-cache record --manifest package-cache.toml
      package-cache record --rules
    """
    where = Where(image, root=root, architecture=architecture, authfile=authfile)
    if show_rules:
        return _rules(renderer, groups, where, manifest)
    order = _order(groups, where, manifest, cache, state)
    from package_cache.recording.record import record  # noqa: PLC0415 - --rules does not need it

    with given_signer(sign_by, signing_key) as signer, renderer.listening() as listener:
        result = record(order, listener, signer=signer)
    return renderer.result("\n".join(_lines(result)), _value(result), result.status)


def _rules(renderer: Renderer, groups: Sequence[str], where: Where, manifest: Path | None) -> int:
    """Print the rules. They are the same for all groups and images."""
    if groups or where != Where():
        raise click.UsageError("--rules are the same for all groups and images: omit them, or name a --manifest")
    rules = (*(given_manifest(manifest).rules if manifest else ()), *own_rules())
    value = {"digest": Rules(rules).digest, "rules": [_rule_value(rule) for rule in rules]}
    return renderer.result("\n".join(_rule_lines(rules)), value)


def _order(
    groups: tuple[str, ...], where: Where, manifest: Path | None, cache: Path, state: Path | None
) -> RecordOrder:
    """Return what to record. Raises `UsageError` for options that contradict each other."""
    if where.architecture and not ARCHITECTURE.fullmatch(where.architecture):
        raise click.UsageError(
            f"{where.architecture!r} is not an architecture: write it as dpkg names it, such as amd64"
        )
    folder, kept = CacheFolder(cache), state or default_state()
    if manifest is not None:
        if where != Where(authfile=where.authfile):
            raise click.UsageError("--manifest names the images: omit other systems and --architecture")
        return order_of_manifest(given_manifest(manifest), groups, folder, kept, where.authfile)
    if (where.image is None) == (where.root is None):
        raise click.UsageError("name one system to record in: --image or --root; or --manifest")
    if where.authfile is not None and where.image is None:
        raise click.UsageError("--registry-auth-file needs --image or --manifest")
    name = where.image or str(where.root)
    return RecordOrder(folder, tuple(dict.fromkeys(groups)), (), ((name, where),), own_rules(), kept)


def _lines(result: RecordResult) -> Iterator[str]:
    """Yield a table of images and groups, and below it what prevents each recording."""
    rows: list[tuple[str, ...]] = []
    for image in result.images:
        if image.error is not None:
            rows.append((image.name, "", f"error ({image.error.status.code})", "", "", "", ""))
        rows += [_row(image, outcome) for outcome in image.outcomes]
    yield table(("image", "group", "result", "packages", "files", "size", "rules"), rows)
    for image in result.images:
        if image.error is not None:
            yield from ("", f"{image.name}: {image.error}")
        for outcome in image.outcomes:
            yield from _reason(image, outcome)


def _row(image: RecordedImage, outcome: Outcome) -> tuple[str, ...]:
    recording = outcome.recording
    numbers = (str(recording.packages), str(recording.files), in_bytes(recording.bytes)) if recording else ("", "", "")
    return image.name, _name(outcome), outcome.kind.value, *numbers, str(len(outcome.rules) or "")


def _name(outcome: Outcome) -> str:
    return f"{outcome.group} after {', '.join(outcome.after)}" if outcome.after else outcome.group


def _reason(image: RecordedImage, outcome: Outcome) -> Iterator[str]:
    """Yield why a group is not recorded: the path, the package, and what to do about it."""
    if outcome.kind not in (OutcomeKind.LIVE, OutcomeKind.REFUSED):
        return
    yield from ("", f"{image.name}, {_name(outcome)}: {outcome.kind.value}: {outcome.why}")
    if outcome.path:
        yield f"    path: {outcome.path}"
    if outcome.package:
        yield f"    package: {outcome.package}"
    if outcome.kind is OutcomeKind.REFUSED and outcome.path:
        yield "    next step: add a [[rule]] for the path to package-cache.toml, and record with --manifest"


def _value(result: RecordResult) -> dict[str, object]:
    return {"images": [_image_value(image) for image in result.images]}


def _image_value(image: RecordedImage) -> dict[str, object]:
    error = image.error and {"message": image.error.message, "details": image.error.details, "hint": image.error.hint}
    return {
        "name": image.name,
        "system": image.system,
        "architecture": image.architecture,
        "digest": image.digest,
        "status": image.status.code,
        "error": error,
        "groups": [{**vars(outcome), "kind": outcome.kind.value} for outcome in image.outcomes],
    }


def _rule_lines(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield a table of the rules, and below it how files are made anew."""
    yield table(
        ("path", "kind", "from", "reason"), [(rule.path, rule.kind.value, _origin(rule), rule.reason) for rule in rules]
    )
    made = [rule for rule in rules if rule.kind is RuleKind.REGENERATE]
    if made:
        yield from ("", "regenerated by:")
        yield from (f"    {rule.path}: {rule.command or f'the command of {rule.written_with}'}" for rule in made)


def _origin(rule: Rule) -> str:
    return f"{rule.place.file}:{rule.place.line}" if rule.place else "package-cache"


def _rule_value(rule: Rule) -> dict[str, object]:
    return {**vars(rule), "place": _origin(rule) if rule.place else None}
