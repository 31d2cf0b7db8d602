"""What a package file says about itself, read by dpkg-deb."""

from pathlib import Path

from package_cache.outside.run import CommandError, run
from package_cache.values.errors import VerificationError


def control_text(path: Path) -> str:
    """Give the control paragraph of a `.deb` file: one deb822 paragraph, fields as they stand there (dpkg-deb -f).

    Raises `VerificationError` where the file is not a package that dpkg can read, and `ToolMissingError`.
    """
    try:
        return run(["dpkg-deb", "--field", str(path)], timeout=60).stdout
    except CommandError as error:
        raise VerificationError(
            f"cannot read {path} as a package",
            details=error.output,
            hint="delete the file and build the cache again, so that it is fetched anew",
        ) from error
