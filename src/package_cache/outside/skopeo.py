"""Where images go: skopeo(1) copies a layout to its transports."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from package_cache.outside.run import CommandError, run
from package_cache.values.errors import PackageCacheError, UsageError
from package_cache.values.statuses import ExitStatus

LIMIT = 3600.0
"""Seconds that copying an image may take."""

_FORMS = "oci:DIR[:TAG], oci-archive:FILE[:TAG], or docker://HOST[:PORT]/NAME[:TAG]"


@dataclass(frozen=True)
class Destination:
    """Where an image goes, as skopeo writes it (containers-transports(5))."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """Read one. Raises `UsageError` with what to write instead."""
        transport, colon, rest = text.partition(":")
        if transport not in ("oci", "oci-archive", "docker") or not colon:
            raise UsageError(f"cannot write an image to {text!r}: write {_FORMS}")
        if not rest or (transport == "docker" and not re.fullmatch(r"//[^/@\s]+/[^@\s]+", rest)):
            what = "names an image by its digest" if "@" in rest else "does not say where"
            raise UsageError(f"cannot write an image to {text!r}: it {what}: write {_FORMS}")
        return cls(text)

    @property
    def registry(self) -> str | None:
        """Give the host of a registry, with its port; None where it is a file."""
        return self.text.removeprefix("docker://").partition("/")[0] if self.text.startswith("docker://") else None

    @property
    def tag(self) -> str:
        """Give the tag, `latest` where none is given."""
        _, colon, tag = self.text.rpartition("/")[2].partition(":")
        return tag if colon else "latest"

    @property
    def is_loopback(self) -> bool:
        """Tell whether it is a registry on this machine, which may speak plain HTTP."""
        host = re.sub(r":[0-9]+$", "", self.registry or "").strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def copy_image(
    layout: Path, tag: str, to: Destination, *, authfile: Path | None = None, insecure: bool = False
) -> None:
    """Copy the image of a layout, all platforms, byte for byte.

    Credentials come from `authfile`, else from where skopeo looks for them (containers-auth.json(5)). A registry on
    this machine may speak plain HTTP; with `insecure` any other may, too. Raises `PackageCacheError`, with the status
    REGISTRY_FAILED where a registry refuses or cannot be reached, `ToolMissingError` without skopeo.
    """
    options = ["--all", "--preserve-digests", "--quiet", "--retry-times", "3"]
    if authfile is not None:
        options += ["--dest-authfile", str(authfile)]
    if insecure or to.is_loopback:
        options += ["--dest-tls-verify=false"]
    try:
        # The image was made a moment ago by ourselves: no policy of this machine has to say that it may be read.
        run(["skopeo", "--insecure-policy", "copy", *options, f"oci:{layout}:{tag}", to.text], timeout=LIMIT)
    except CommandError as error:
        raise _explained(to, error) from error


def _explained(to: Destination, error: CommandError) -> PackageCacheError:
    lines = [_message(line) for line in error.output.splitlines() if line.strip()]
    said = "\n".join(lines[-3:])
    if to.registry is None:
        status = ExitStatus.NO_SPACE if "no space left" in said else ExitStatus.INTERNAL
        status = ExitStatus.READ_ONLY if re.search("permission denied|read-only", said) else status
        return PackageCacheError(f"cannot write the image to {to.text}", details=said, status=status)
    if re.search("unauthorized|authentication required|denied|forbidden", said, re.IGNORECASE):
        hint = f"log in: skopeo login {to.registry}, or name the file with the credentials with --authfile"
    elif "server gave HTTP response to HTTPS client" in said:
        hint = "the registry speaks plain HTTP: if its network is to be trusted, use --insecure-registry"
    elif re.search("x509|certificate", said):
        hint = "add the registry's certificate authority to this machine (certs.d, see containers-certs.d(5))"
    else:
        hint = "check the registry's name, that it runs, and the network"
    return PackageCacheError(
        f"cannot push the image to {to.text}", details=said, hint=hint, status=ExitStatus.REGISTRY_FAILED
    )


def _message(line: str) -> str:
    """Give what a line of skopeo's log says: it stands in msg="..."."""
    found = re.search(r'msg="((?:[^"\\]|\\.)*)"', line)
    return found[1].replace('\\"', '"') if found else line
