"""The one table of bounds: how much of each input that strangers send is read, kept or waited for.

`docs/bounds.md` shows it; a test compares the two. The edges (command line, runtime, plugin API) read the environment
variable `PACKAGE_CACHE_BOUNDS` and hand its text to `set_bounds`; everything else asks `bound`.
"""

import re
from dataclasses import dataclass, replace

from package_cache.errors import PackageCacheError, Problem, UsageError

VARIABLE = "PACKAGE_CACHE_BOUNDS"
"""Of the environment: `NAME=NUMBER`, several separated by spaces."""

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Bound:
    """One row of the table."""

    name: str
    default: int
    unit: str
    """What is counted, in the plural: the end of "more than 1000 ..."."""
    what: str
    """What it bounds, for the documentation."""


BOUNDS = {
    row.name: row
    for row in (
        # Images: tests/attacks/test_bounds.py has an attack for each.
        Bound("image-document-bytes", 4 * MIB, "bytes", "a manifest, an index or a configuration of an image"),
        Bound("image-layers", 1000, "layers", "the layers that an image's manifest names"),
        Bound("image-bytes", 20 * GIB, "bytes", "all blobs of one image, as a registry or an archive has them"),
        Bound("image-unpacked-bytes", 64 * GIB, "decompressed bytes", "all layers of one image, with holes of files"),
        Bound("layer-entries", 1_000_000, "entries", "the members of one layer"),
        Bound("image-entries", 2_000_000, "entries", "the members of all layers of one image"),
        Bound("image-names-bytes", 160 * MIB, "bytes of names", "the memory that the names of an image take"),
        Bound("image-path-bytes", 4096, "bytes", "the path of a member or the target of a link (PATH_MAX of Linux)"),
        Bound("image-name-bytes", 255, "bytes", "one component of a path (NAME_MAX of Linux)"),
        Bound("image-path-depth", 256, "components", "a path in a layer, with its links followed"),
        Bound("layer-passes", 20, "passes", "how often one layer is read for files that lie in unusual places"),
        Bound("zstd-window-bytes", 32 * MIB, "bytes", "the window of a layer that zstd compressed"),
        Bound("tar-seconds", 1800, "seconds", "reading one tar archive"),
        Bound("tar-header-bytes", 128 * KIB, "bytes", "what precedes one member of a tar archive: names, attributes"),
        Bound("tar-extended-header-bytes", 32 * KIB, "bytes", "one extended header (pax) of a tar archive"),
        Bound("helper-memory-bytes", 1 * GIB, "bytes", "the memory of skopeo and of what unpacks a layer"),
        Bound("system-file-bytes", 32 * MIB, "bytes", "files that are read of one system: dpkg's database"),
        Bound("system-files", 1000, "files", "how many files those are"),
        # Programs of strangers, and what they write.
        Bound("output-bytes", 16 * MIB, "bytes", "what one program prints, on standard output or on standard error"),
        Bound("result-bytes", 4 * MIB, "bytes", "the result file of an installer that ran in a stranger's image"),
        # Documents.
        Bound("problems", 10_000, "problems", "the problems of one document that are listed"),
        Bound("document-values", 500_000, "values", "the values of one JSON or TOML document"),
        Bound("manifest-bytes", 1 * MIB, "bytes", "a manifest, in either form"),
        Bound("manifest-tables", 10_000, "tables", "the tables of a manifest in TOML"),
        Bound("lock-bytes", 32 * MIB, "bytes", "a lock"),
        Bound("cache-file-bytes", 32 * MIB, "bytes", "a file of a cache that is no package: JSON, indexes"),
        Bound("answer-bytes", 32 * MIB, "bytes", "what a command printed with --json, for `report`"),
        Bound("job-bytes", 512 * KIB, "bytes", "the YAML of a job"),
        Bound("job-nodes", 20_000, "nodes", "the YAML of a job"),
        Bound("job-depth", 50, "levels", "the nesting of a job's YAML"),
        Bound("plugin-file-bytes", 1 * MIB, "bytes", "the description of a plugin, and a script that it wrote"),
        # Vulnerability data.
        Bound("vulnerability-bytes", 512 * MIB, "decompressed bytes", "a JSON document of vulnerability data"),
        Bound("vulnerability-record-bytes", 32 * MIB, "bytes", "one record in a tar archive of vulnerability data"),
        Bound("vulnerabilities", 200_000, "fixes", "the fixes of the packages in question, in all files together"),
        Bound("xz-memory-bytes", 96 * MIB, "bytes", "the memory that decompressing a file of xz takes"),
        # Archives.
        Bound("records-bytes", 256 * MIB, "bytes", "what is kept in memory of all lists of one system"),
        Bound("list-bytes", 2 * GIB, "bytes", "one list of an archive; apt itself bounds a Release file to 10 MB"),
        Bound("package-bytes", 16 * GIB, "bytes", "one package file that is downloaded"),
        Bound("keyring-bytes", 16 * MIB, "bytes", "a file of keys, and the package that it comes in"),
        Bound("copyright-bytes", 4 * MIB, "bytes", "the copyright file of a package"),
    )
}  # fmt: skip
"""By name, in the order of the documentation."""

_set: dict[str, int] = {}


class BoundError(PackageCacheError):
    """An input exceeds a bound. Names the bound and how to raise it."""

    def __init__(self, name: str, what: str, found: int | None = None) -> None:
        """Build the error "cannot read WHAT: ..."; `found` is the value found, None: it was not counted to its end."""
        super().__init__(f"cannot read {what}: it has {excess(name, found)}", hint=how_to_raise(name))


def bound(name: str) -> int:
    """Return the current value of a bound."""
    return _set.get(name, BOUNDS[name].default)


def check_bound(name: str, found: int, what: str) -> None:
    """Raise `BoundError` if `found` exceeds a bound; `what` is what is read, such as "the job /etc/pai/job.yaml"."""
    if found > bound(name):
        raise BoundError(name, what, found)


def excess(name: str, found: int | None = None) -> str:
    """Return what is wrong: "more than 1000 layers", with the number found where it is known."""
    limit, unit = bound(name), BOUNDS[name].unit
    return f"more than {limit} {unit}" if found is None else f"{found} {unit}, more than {limit}"


def collect(problems: list[Problem], problem: Problem) -> None:
    """Add a problem of a document to those found; of more than the bound `problems` only the first are listed."""
    if len(problems) == bound("problems"):
        problem = replace(problem, message="is wrong, too: from here on problems are not listed", hint=None)
    if len(problems) <= bound("problems"):
        problems.append(problem)


def how_to_raise(name: str) -> str:
    """Return the next step for a user that trusts the input."""
    return f"if you trust it, raise the bound {name}: {VARIABLE}={name}={bound(name) * 4}"


def set_bounds(text: str) -> None:
    """Set bounds from the text of the environment variable; those that it does not name have their defaults.

    Raises `UsageError` with what to write instead.
    """
    found = {}
    for word in text.split():
        name, equals, number = word.partition("=")
        if name not in BOUNDS:
            raise UsageError(
                f"cannot use {VARIABLE}: there is no bound {name!r}", hint=f"there are: {', '.join(BOUNDS)}"
            )
        if not equals or not re.fullmatch(r"[1-9][0-9]{0,18}", number, re.ASCII):
            raise UsageError(f"cannot use {VARIABLE}: {word!r} is not NAME=NUMBER", hint=f"write {name}=NUMBER")
        found[name] = int(number)
    _set.clear()
    _set.update(found)
