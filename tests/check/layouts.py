"""OCI layouts written by hand: layers of what a test says, in any compression, for one platform or several."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import zstandard

Tree = Mapping[str, str | bytes | None]
"""What a layer has, by path: a file's content; `-> target` for a symbolic link, `= other` for a hard link; None: a
folder. An executable's content begins with `#!`."""

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": zstandard.compress,
}


def tar_of(tree: Tree) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in tree.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o644
            data = b""
            if content is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str) and content.startswith("-> "):
                entry.type, entry.linkname = tarfile.SYMTYPE, content.removeprefix("-> ")
            elif isinstance(content, str) and content.startswith("= "):
                entry.type, entry.linkname, entry.mode = tarfile.LNKTYPE, content.removeprefix("= "), 0o755
            else:
                data = content.encode() if isinstance(content, str) else content
                entry.size = len(data)
                entry.mode = 0o755 if data.startswith(b"#!") else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


class HandMade:
    """A layout that grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self._named: list[dict[str, Any]] = []

    def blob(self, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def place(self, descriptor: Mapping[str, Any]) -> Path:
        return self.folder / "blobs" / str(descriptor["digest"]).replace(":", "/")

    def image(self, layers: Sequence[Tree | bytes], *, architecture: str = "amd64", compression: str = "gzip") -> Any:
        """Write an image, its lowest layer first; give its descriptor."""
        tars = [layer if isinstance(layer, bytes) else tar_of(layer) for layer in layers]
        blobs = [self.blob(COMPRESS[compression](content)) for content in tars]
        suffix = f"+{compression}" if compression else ""
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]},
        }
        kind = "application/vnd.oci.image"
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", **self.blob(json.dumps(config).encode())},
            "layers": [{"mediaType": f"{kind}.layer.v1.tar{suffix}", **blob} for blob in blobs],
        }
        described = self.blob(json.dumps(manifest).encode())
        platform = {"architecture": architecture, "os": "linux"}
        # As newer versions of skopeo annotate it; they change an index that lacks it.
        notes = {"annotations": {"io.github.containers.compression.zstd": "true"}} if compression == "zstd" else {}
        return {"mediaType": manifest["mediaType"], "platform": platform, **notes, **described}

    def index(self, images: Sequence[Any]) -> Any:
        kind = "application/vnd.oci.image.index.v1+json"
        document = {"schemaVersion": 2, "mediaType": kind, "manifests": list(images)}
        return {"mediaType": kind, **self.blob(json.dumps(document).encode())}

    def name(self, image: Mapping[str, Any], tag: str = "latest") -> str:
        """Name an image, and give its reference."""
        self._named.append({**image, "annotations": {"org.opencontainers.image.ref.name": tag}})
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._named}))
        return f"oci:{self.folder}:{tag}"

    def named(self, *layers: Tree | bytes, tag: str = "latest", compression: str = "gzip") -> str:
        """Write an image of these layers, name it, and give its reference."""
        return self.name(self.image(layers, compression=compression), tag)


STATUS = """\
Package: dpkg
Status: install ok installed
Architecture: {architecture}
Version: 1.19.0.5

"""


def package(
    name: str,
    version: str = "1.0",
    status: str = "install ok installed",
    *,
    architecture: str = "all",
    **fields: str,
) -> str:
    """Return a paragraph of dpkg's status file."""
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return f"Package: {name}\nStatus: {status}\nArchitecture: {architecture}\nVersion: {version}\n{more}\n"


def base(*packages: str, architecture: str = "amd64") -> dict[str, str | bytes | None]:
    """Return a layer with the files of Ubuntu 18.04 that `check` needs."""
    programs = ("usr/bin/dpkg", "usr/bin/dpkg-query", "usr/bin/apt-get", "usr/bin/sha256sum", "usr/bin/timeout")
    return {
        "etc/os-release": "-> ../usr/lib/os-release",
        "usr/lib/os-release": 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="18.04"\n',
        **dict.fromkeys(programs, "#!elf"),
        "usr/bin/df": "= usr/bin/timeout",
        "var/lib/dpkg/status": STATUS.format(architecture=architecture) + "".join(packages),
    }


def write_root(folder: Path, *packages: str, architecture: str = "amd64") -> Path:
    """Write the files of such a root, and give its folder."""
    for path, content in base(*packages, architecture=architecture).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and not content.startswith(("-> ", "= ")):
            file.write_text(content)
            file.chmod(0o755)
    (folder / "usr/bin/df").hardlink_to(folder / "usr/bin/timeout")
    return folder
