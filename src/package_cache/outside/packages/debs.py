"""What a package file says about itself, read by dpkg-deb."""

import re
from pathlib import Path

from package_cache.outside.run import CommandError, run
from package_cache.outside.temporary import refuse_full_temporary_folder
from package_cache.values.errors import VerificationError

PARAGRAPH = re.compile(r"(?:[!\"$-,.-9;-~][!-9;-~]*:.*\n(?:[ \t]+\S.*\n)*)+", re.ASCII)
"""One paragraph of deb822(5). dpkg-deb shows whatever is there; in an index an empty line would begin another one."""


def control_text(path: Path) -> str:
    """Give the control paragraph of a `.deb` file: one deb822 paragraph, fields as they stand there (dpkg-deb -f).

    Raises `VerificationError` where the file is not a package that dpkg can read, `ToolMissingError`, and
    `OSError` where dpkg-deb has no place for its temporary files.
    """
    hint = "delete the file and build the cache again, so that it is fetched anew"
    try:
        text = run(["dpkg-deb", "--field", str(path)], timeout=60).stdout.strip("\n") + "\n"
    except CommandError as error:
        refuse_full_temporary_folder()
        raise VerificationError(f"cannot read {path} as a package", details=error.output, hint=hint) from error
    if not PARAGRAPH.fullmatch(text):
        raise VerificationError(f"cannot read {path} as a package: its control file is not one paragraph", hint=hint)
    return text
