"""`--fill`: Kubernetes manifests name an image by its digest, and the groups that a job expects of a volume.

Only these words of a manifest change; its comments and everything else stay byte for byte.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.description import read_description
from package_cache.cache.expectations import Expectation
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.errors import Problem, UsageError
from package_cache.filesystem.paths import read_bounded, write_atomically
from package_cache.filesystem.write_errors import writing_to
from package_cache.oci.skopeo import Destination

_REFERENCE = re.compile(
    r"""((?:^\ufeff?[ \t]*(?:-[ \t]+)*|[{,][ \t]*)"""  # at the start of a line, in a list, or in braces
    r"""(?:(?:image|reference)[ \t]*:[ \t]+|(?:"(?:image|reference)"|'(?:image|reference)')[ \t]*:[ \t]*)"""
    r"""(?:[&!]\S*[ \t]+)*["']?)"""  # an anchor, a tag (YAML 1.2, 6.9)
    r"""([^\s"'#,{}\[\]&!*|>]+)""",
    re.MULTILINE,
)
_EXPECTED = re.compile(
    r"""^([ \t]*(?:-[ \t]+)*value:[ \t]+)(?:"[^"\\\n]*"|'[^'\n]*')([ \t]+# expect:[ \t]+)(\S[^\n]*)$""", re.MULTILINE
)
_EXPECTS = re.compile(r"^[ \t]*[^\s#].*[ \t]#[ \t]*expect:", re.MULTILINE)
"""What is meant to be filled in, but for lines that are comments."""
_COMMENT = re.compile(r"(?:^|[ \t])#", re.MULTILINE)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$", re.ASCII)


@dataclass(frozen=True)
class Filled:
    """A manifest that was filled in, and how much of it."""

    path: Path
    references: int
    expectations: int

    def __str__(self) -> str:
        return f"{self.path}: {self.references} by digest, {self.expectations} with what is expected"


@dataclass(frozen=True)
class KubernetesManifest:
    """A file with Kubernetes manifests."""

    path: Path
    text: str

    def references(self, to: Destination) -> int:
        """Return how often it names an image with that name and tag, in whatever registry, with a digest or without."""
        return sum(self._names(found, to) for found in _REFERENCE.finditer(self.text))

    def _names(self, found: re.Match[str], to: Destination) -> bool:
        start = self.text.rfind("\n", 0, found.start(2)) + 1
        return _is_of(found[2], to) and not _COMMENT.search(self.text, start, found.start(2))

    def problems(self, groups: Collection[str]) -> Iterator[Problem]:
        """Yield where it expects other groups than these, words behind `# expect:`, or has no value to fill in."""
        fillable = {found.start(): found[3].split() for found in _EXPECTED.finditer(self.text)}
        for found in _EXPECTS.finditer(self.text):
            line = self.text.count("\n", 0, found.start()) + 1
            if found.start() not in fillable:
                hint = 'write `value: "" # expect: GROUP...` on a line of its own'
                yield Problem(
                    "`# expect:` is not behind a value in quotes, or names no group", str(self.path), line, hint=hint
                )
            elif unknown := [group for group in fillable[found.start()] if group not in groups]:
                hint = "name groups of the cache; package-cache list prints them"
                yield Problem(f"the cache does not have {', '.join(unknown)}", str(self.path), line, hint=hint)

    def fill(self, to: Destination, digest: str, expected: Collection[Expectation]) -> Filled:
        """Write it with the digest of the image and with what is expected.

        Raises `UsageError` where it has changed since it was read, which takes as long as the image, and as
        `writing_to` does.
        """

        def named(found: re.Match[str]) -> str:
            return f"{found[1]}{to.name}:{to.tag}@{digest}" if self._names(found, to) else found[0]

        def stated(found: re.Match[str]) -> str:
            words = " ".join(str(item) for item in sorted(expected) if item.group in found[3].split())
            return f'{found[1]}"{words}"{found[2]}{found[3]}'

        text = _REFERENCE.sub(named, self.text)
        text, stated_at = _EXPECTED.subn(stated, text)
        target = self.path.resolve()  # replace the target of a link, not the link
        with writing_to(target.parent):
            if read_bounded(target, "manifest-bytes") != self.text.encode():
                message = f"cannot fill in {self.path}: it was changed while the image was made"
                raise UsageError(message, hint=f"run the same command again; the image is complete: {digest}")
            write_atomically(target, text.encode(), mode=target.stat().st_mode & 0o777)
        return Filled(self.path, self.references(to), stated_at)


def read_manifests(
    paths: Sequence[Path], to: Destination, cache: CacheFolder, architecture: str = ""
) -> list[KubernetesManifest]:
    """Read manifests that are to be filled in once the image is made of the cache, or of its part for an architecture.

    Raises `UsageError` with all that is wrong: a destination that no cluster pulls from, files that cannot be read or
    expect groups that the cache does not have, and that none names the image; `CacheError` as `read_description`.
    """
    if not paths:
        return []
    if not to.registry:
        hint = "name a registry: --output docker://..."
        raise UsageError(f"cannot fill in manifests: no cluster pulls from {to.text}", hint=hint)
    manifests: list[KubernetesManifest] = []
    problems: list[Problem] = []
    for path in {os.path.realpath(path): path for path in paths}.values():
        try:
            manifests.append(KubernetesManifest(path, read_bounded(path, "manifest-bytes").decode()))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            problems.append(Problem(reason, str(path)))
        else:
            if not os.access(path.resolve().parent, os.W_OK):
                problems.append(Problem("its folder cannot be written to", str(path)))
    described = read_description(cache).groups
    groups = {INSTALLER, *(item.name for item in described if not architecture or architecture in item.architectures)}
    problems += [problem for manifest in manifests for problem in manifest.problems(groups)]
    if not problems and not any(manifest.references(to) for manifest in manifests):
        what = f"none of them has `image:` or `reference:` with a name that ends in {_last_words(to)}"
        problems.append(Problem(what, hint="name other files, or another name and tag by --output"))
    if problems:
        raise UsageError("cannot fill in manifests", problems=problems)
    return manifests


def _last_words(to: Destination) -> str:
    return f"{to.name.rpartition('/')[2]}:{to.tag}"


def _is_of(reference: str, to: Destination) -> bool:
    last = _DIGEST.sub("", reference).rpartition("/")[2]
    is_plain = last == reference.rpartition("/")[2] and ":" not in last  # then the tag is "latest"
    return (f"{last}:latest" if is_plain else last) == _last_words(to)
