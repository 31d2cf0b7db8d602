"""Where images go: skopeo(1) copies a layout to its transports."""

import contextlib
import glob
import ipaddress
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os.path import lexists
from pathlib import Path

from package_cache.bounded_json import load_json
from package_cache.bounds import bound, check_bound
from package_cache.errors import PackageCacheError, UsageError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.paths import read_bounded
from package_cache.filesystem.plain_links import plain_path
from package_cache.filesystem.write_errors import writing_to
from package_cache.oci.writer import REF_NAME
from package_cache.process import CommandError, run

LIMIT = 3600.0
"""Seconds that copying an image may take."""

RETRIES = 3
"""How often skopeo asks a registry again that is ill or not there; it waits for 1 s, 2 s, 4 s."""

_FORMS = "oci:DIR[:TAG], oci-archive:FILE[:TAG], or docker://HOST[:PORT]/NAME[:TAG]"

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_NAME = re.compile(r"(?:[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", re.ASCII)
"""Both as the OCI Distribution Specification has them (Pulling manifests)."""
_IN_NAMES = "a-z, 0-9, and between them . _ - /"


@dataclass(frozen=True)
class Destination:
    """Where an image goes."""

    text: str
    """As skopeo writes it (containers-transports(5))."""
    transport: str
    """`oci`, `oci-archive` or `docker`."""
    path: Path | None
    """The folder or the file; None if it is a registry."""
    registry: str
    """The host of a registry, with its port; empty if it is a file."""
    tag: str
    """`latest` where none is given."""
    authfile: Path | None
    """The credentials of its registry; None: where skopeo looks for them (containers-auth.json(5))."""
    insecure: bool
    """Its registry may speak plain HTTP, as one on this machine may in any case."""

    @classmethod
    def parse(cls, text: str, *, authfile: Path | None = None, insecure: bool = False) -> "Destination":
        """Parse the text of a destination. Raises `UsageError` with what to write instead."""
        transport, colon, rest = text.partition(":")
        shown = re.sub(r"//[^/]*@", "//...@", text)  # a password must not get into a log
        if transport not in ("oci", "oci-archive", "docker") or not colon:
            raise UsageError(f"cannot write an image to {shown!r}: write {_FORMS}")
        is_registry = transport == "docker"
        host, _, name = rest.removeprefix("//").partition("/") if is_registry else ("", "", rest)
        place, has_tag, tag = name.partition(":")
        says_where = rest.startswith("//") and host and name and not re.search(r"\s", rest) if is_registry else place
        no_colon = "" if is_registry else " (a path has no colon here)"
        for is_wrong, what in (
            (not says_where, "does not say where"),
            ("@" in host, "holds credentials, which others would see: use skopeo login, or --authfile"),
            (is_registry and "@" in name, "names an image by its digest"),
            (is_registry and not _NAME.fullmatch(place), f"names {place!r}, which no registry accepts ({_IN_NAMES})"),
            (has_tag and not _TAG.fullmatch(tag), f"has the tag {tag!r}, which is none{no_colon}"),
        ):
            if is_wrong:
                raise UsageError(f"cannot write an image to {shown!r}: it {what}: write {_FORMS}")
        return cls(text, transport, None if is_registry else Path(place), host, tag or "latest", authfile, insecure)

    def with_tag(self, tag: str) -> "Destination":
        """Return the same place with another tag."""
        head, slash, last = self.text.rpartition("/")
        base = f"{head}{slash}{last.partition(':')[0]}" if self.registry else f"{self.transport}:{self.path}"
        return replace(self, text=f"{base}:{tag}", tag=tag)

    @property
    def name(self) -> str:
        """The name of the image without transport and tag."""
        head, slash, last = self.text.partition(":")[2].removeprefix("//").rpartition("/")
        return f"{head}{slash}{last.partition(':')[0]}"


def again() -> list[str]:
    """Return the options that make skopeo try again."""
    return ["--retry-times", str(RETRIES)]


def is_loopback(registry: str) -> bool:
    """Return whether a registry's host, with or without a port, is this machine."""
    host = re.sub(r":[0-9]+$", "", registry).strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_destination(to: Destination) -> None:
    """Check whether an image can be written there, before it is made.

    Raises `UsageError` if something else is there, and `PackageCacheError` as `writing_to` does.
    """
    if to.path is None:
        return
    if to.transport == "oci-archive":
        what = "" if to.path.parent.is_dir() else f"there is no folder {to.path.parent}"
        if lexists(to.path) and not to.path.is_file():  # a device or a pipe would be replaced
            what = "it is a folder" if to.path.is_dir() else "it is not a file"
        if what:
            raise UsageError(f"cannot write an image to {to.text}: {what}: name a file in a folder that is there")
    folder = to.path if to.transport == "oci" else to.path.parent
    with writing_to(folder, what="write the image", option="--output"):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        if to.transport == "oci":
            others = {path.name for path in folder.iterdir() if not path.name.startswith("oci-put-blob")}
            if "oci-layout" not in others and others - {"blobs", "index.json"}:  # which a copy that was killed leaves
                what = "the folder holds something else: name another one"
                raise UsageError(f"cannot write an image to {to.text}: {what}")
        tempfile.TemporaryFile(dir=folder).close()  # skopeo would tell after all the work, in words of its own
        for path in made:  # it is skopeo's to make, once there is an image
            path.rmdir()


def raw_manifest(at: Destination) -> str:
    """Return the manifest or index at a destination that is no archive; empty where it has no such tag.

    Raises as `copy_image`, and `BoundError`.
    """
    if at.tag not in _tags(at):
        return ""
    found = _read(at, "inspect", "--raw", at.text)
    check_bound("image-document-bytes", len(found.encode()), f"the index at {at.text}")
    return found


def _tags(at: Destination) -> list[str]:
    if at.path is None:
        document = load_json(_read(at, "list-tags", f"docker://{at.name}").encode())
        return [str(tag) for tag in document.get("Tags") or ()]
    document = load_json(read_bounded(at.path / "index.json", "image-document-bytes"))
    return [str((item.get("annotations") or {}).get(REF_NAME)) for item in document.get("manifests", ())]


def _read(at: Destination, *words: str) -> str:
    """Return what skopeo reads at a destination, in bounded memory: a stranger may have written it."""
    options = [f"--authfile={at.authfile}"] if at.authfile is not None else []
    if at.insecure or is_loopback(at.registry):
        options.append("--tls-verify=false")
    limits = ["prlimit", f"--data={bound('helper-memory-bytes')}", "--core=0"]
    try:
        return run([*limits, "skopeo", *words[:1], *options, *again(), *words[1:]], timeout=LIMIT).stdout
    except CommandError as error:
        said, hint = said_by_skopeo(error, at.registry)
        status = ExitStatus.REGISTRY_FAILED if at.registry else ExitStatus.INTERNAL
        raise PackageCacheError(f"cannot read {at.text}", details=said, hint=hint, status=status) from error


def copy_image(layout: Path, named: str, tag: str, to: Destination, *, index_only: bool = False) -> None:
    """Copy the image of a layout, all platforms, byte for byte; what arrives must have the digest `named`.

    `index_only`: what the index names is there already.

    Raises `PackageCacheError`, with the status REGISTRY_FAILED if a registry refuses or cannot be reached,
    `ToolMissingError` without skopeo.
    """
    told = layout / "copied-digest"
    options = [
        "--multi-arch=index-only" if index_only else "--all",
        "--preserve-digests",
        "--quiet",
        *again(),
        "--digestfile",
        str(told),
    ]
    if to.authfile is not None:
        options += ["--dest-authfile", str(to.authfile)]
    if to.insecure or is_loopback(to.registry):
        options += ["--dest-tls-verify=false"]
    with _place(to) as place:
        try:
            # The image was made a moment ago by ourselves: no policy of this machine has to say that it may be read.
            made = f"oci:{plain_path(layout)}:{tag}"  # skopeo takes no path with a colon
            run(["skopeo", "--insecure-policy", "copy", *options, made, place], timeout=LIMIT)
        except CommandError as error:
            raise _explained(to, error) from error
        found = told.read_text(encoding="utf-8", errors="replace").strip() if told.exists() else "unknown"
        if found != named:
            raise PackageCacheError(
                f"cannot vouch for the image at {to.text}: its digest is {found}, that of what was made is {named}",
                hint="remove it there, and use another version of skopeo: this one changes what it copies",
                status=ExitStatus.REGISTRY_FAILED if to.registry else ExitStatus.INTERNAL,
            )


@contextlib.contextmanager
def _place(to: Destination) -> Iterator[str]:
    """Yield where skopeo writes. An archive is written beside its place and renamed when it is complete."""
    if to.transport != "oci-archive" or to.path is None:
        yield to.text
        return
    prefix = f".{to.path.name}.new-"
    for left in to.path.parent.glob(f"{glob.escape(prefix)}*"):  # by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with (
        writing_to(to.path.parent, what="write the image"),
        tempfile.TemporaryDirectory(prefix=prefix, dir=to.path.parent) as folder,
    ):
        new = Path(folder) / "image.tar"
        tagged = f":{to.tag}" if to.text.count(":") > 1 else ""
        yield f"oci-archive:{new}{tagged}"
        new.replace(to.path)


def _explained(to: Destination, error: CommandError) -> PackageCacheError:
    said, hint = said_by_skopeo(error, to.registry)
    if not to.registry:
        status = ExitStatus.NO_SPACE if "no space left" in said else ExitStatus.INTERNAL
        status = ExitStatus.READ_ONLY if re.search("permission denied|read-only", said) else status
        return PackageCacheError(f"cannot write the image to {to.text}", details=said, status=status)
    message = f"cannot push the image to {to.text}"
    return PackageCacheError(message, details=said, hint=hint, status=ExitStatus.REGISTRY_FAILED)


def said_by_skopeo(error: CommandError, registry: str) -> tuple[str, str]:
    """Return skopeo's last words about a registry, and what to do next."""
    lines = [_message(line) for line in error.output.splitlines() if line.strip()]
    said = "\n".join(lines[-3:])
    if error.returncode is None:
        said = f"skopeo did not end within {LIMIT:g} s" + (f"\n{said}" if said else "")
    if re.search("unauthorized|authentication required|denied|forbidden", said, re.IGNORECASE):
        hint = f"log in: skopeo login {registry}, or name the file with the credentials with --authfile"
    elif re.search("server gave HTTP response to HTTPS client|does not look like a TLS handshake", said):
        hint = "the registry speaks plain HTTP: if its network is to be trusted, use --insecure-registry"
    elif re.search("(manifest|name) unknown", said):
        hint = "the registry is there and has no such image: check its name and its tag"
    elif "getting username and password" in said:
        hint = "fix the file with the credentials: containers-auth.json(5) describes its format"
    elif re.search("x509|certificate", said):
        hint = "add the registry's certificate authority to this machine (certs.d, see containers-certs.d(5))"
    else:
        hint = "check the registry's name, that it runs, and the network"
    return said, hint


def _message(line: str) -> str:
    """Return what a line of skopeo's log says: it stands in msg="..."."""
    found = re.search(r'msg="((?:[^"\\]|\\.)*)"', line)
    return re.sub(r"(?:\\[nt]|\s)+", " ", found[1]).replace('\\"', '"').strip() if found else line
