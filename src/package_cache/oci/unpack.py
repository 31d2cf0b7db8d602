"""Images as roots: layers unpacked, owners kept, whiteouts honoured; kept like other roots, by the image's digest."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from package_cache.bounds import bound
from package_cache.errors import PackageCacheError
from package_cache.events import Listener, Progress, ignore
from package_cache.filesystem import unpack_layer
from package_cache.filesystem.tar_stream import Deadline, Meter
from package_cache.oci.layered_files import read_layer
from package_cache.oci.reader import SourceImage
from package_cache.process import CommandError, piped
from package_cache.sandbox.bootstrap import as_root, keep_root, root_owner
from package_cache.sandbox.isolation import Isolation

FORMAT = 3
"""Increased when images are unpacked differently."""

_SCRIPT = Path(unpack_layer.__file__).read_text()
"""Its text, because the user that runs it may be unable to open the file."""

BLOCK = 1 << 20
SILENCE = 600.0
"""Seconds in which some bytes of a layer must be written."""


def image_root(image: SourceImage, *, state: Path, isolation: Isolation, listener: Listener = ignore) -> Path:
    """Return the root of an image, for `sandbox.isolation.disposable_root`; unpacked if it is not kept yet."""

    def fill(root: Path) -> None:
        python = Path(sys.base_prefix)
        with as_root(isolation, root, python) as (prefix, place, shown):
            program = str(shown / Path(sys.executable).resolve().relative_to(python.resolve()))
            limits = [str(bound(name)) for name in ("helper-memory-bytes", "image-unpacked-bytes")]
            command = [program, "-I", "-S", "-c", _SCRIPT, str(place), *limits]
            argv = (*prefix, "env", f"LD_LIBRARY_PATH={shown}/lib", *command)
            listener(Progress("unpacking", 0, len(image.layers), "layers"))
            meter = Meter(f"a layer of {image.name}")
            for number, digest in enumerate(image.layers, 1):
                _unpack(image, digest, argv, meter)
                listener(Progress("unpacking", number, len(image.layers), "layers"))

    inputs = {"format": FORMAT, "image": image.digest, "layers": image.layers, "owner": root_owner(isolation)}
    return keep_root(inputs, fill, state=state, isolation=isolation)


def _unpack(image: SourceImage, digest: str, argv: Sequence[str], meter: Meter) -> None:
    with image.open_layer(digest) as stream:
        layer = read_layer(stream, meter)
    try:
        with piped(argv, feed=True, silence=SILENCE) as target:
            for kind, paths in (("gone", layer.gone), ("opaque", layer.opaque)):
                for path in sorted(paths):
                    target.write(json.dumps([kind, path]).encode() + b"\n")
            target.write(b"\n")
            del layer
            with image.open_layer(digest) as stream:
                shutil.copyfileobj(Deadline(stream, meter.what), target, BLOCK)
    except CommandError as error:
        raise PackageCacheError(f"cannot unpack the layer {digest} of {image.name}", details=str(error)) from error
