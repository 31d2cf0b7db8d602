"""Tiny real packages, made by dpkg-deb in a few milliseconds. The same arguments give the same bytes."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from package_cache.names import POLICY_NAME
from package_cache.process import run

EPOCH = "1500000000"
"""SOURCE_DATE_EPOCH of every package: 14 July 2017."""


def make_deb(
    folder: Path,
    name: str,
    version: str = "1.0",
    architecture: str = "all",
    depends: str = "",
    files: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    conffiles: Sequence[str] = (),
    compression: str = "gzip",
    **control: str,
) -> Path:
    """Make `folder/<name>_<version without epoch>_<architecture>.deb` and give its path.

    `files` maps absolute paths to contents (what begins with `#!` becomes executable). `scripts` maps `preinst`,
    `postinst`, ... to shell text, to which `#!/bin/sh` and `set -e` are added where it has no `#!`; `config` and
    `templates` of debconf(7) go there too. `control` has further fields, with `_` for `-`: `Pre_Depends="libc6"`,
    `Multi_Arch="same"`; they also replace the default ones. `compression` is dpkg-deb's -Z: `none`, `gzip`, `xz`.
    """
    fields = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Nobody <nobody@example.invalid>",
        "Installed-Size": "1",
        "Depends": depends,
        "Section": "misc",
        "Priority": "optional",
        "Description": f"{name}, for a test",
        **{key.replace("_", "-"): value for key, value in control.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    deb = folder / f"{name}_{version.partition(':')[2] or version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix=".tree-", dir=folder) as temporary:
        tree = Path(temporary)
        tree.chmod(0o755)  # it becomes the mode of the container's /, and dpkg-deb insists on a readable DEBIAN/
        text = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
        _write(tree / "DEBIAN/control", text, 0o644)
        if conffiles:
            _write(tree / "DEBIAN/conffiles", "".join(f"{path}\n" for path in conffiles), 0o644)
        for script, body in (scripts or {}).items():
            plain = body.startswith("#!") or script in ("templates", "triggers", "shlibs", "symbols", "md5sums")
            mode = 0o755 if body.startswith("#!") or not plain else 0o644
            _write(tree / "DEBIAN" / script, body if plain else f"#!/bin/sh\nset -e\n{body}\n", mode)
        for path, content in (files or {}).items():
            executable = content.startswith("#!" if isinstance(content, str) else b"#!")  # type: ignore[arg-type]
            _write(tree / path.lstrip("/"), content, 0o755 if executable else 0o644)
        odd = () if POLICY_NAME.fullmatch(name) else ("--nocheck",)  # dpkg-deb --build knows Policy's names only
        run(
            ["dpkg-deb", *odd, "--root-owner-group", f"-Z{compression}", "-z1", "--build", str(tree), str(deb)],
            env={"SOURCE_DATE_EPOCH": EPOCH},
            timeout=60,
        )
    return deb


def _write(path: Path, content: str | bytes, mode: int) -> None:
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:  # whatever the umask is, the package is the same
        folder.chmod(0o755)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def ar_of(members: Mapping[str, bytes]) -> bytes:
    """Return an archive of ar(5) with these members, as a package file is one (deb(5))."""
    made = b"!<arch>\n"
    for name, content in members.items():
        made += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        made += content + b"\n" * (len(content) % 2)
    return made
