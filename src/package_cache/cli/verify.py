"""`package-cache verify`."""

from pathlib import Path

from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.options import cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.escaping import visible_line
from package_cache.exit_codes import ExitStatus


@verb("verify")
@cache_option
def verify_command(renderer: Renderer, cache: Path) -> int:
    """Check every file of a cache against its SHA-256.

    \b
    Examples:
      package-cache verify --cache package_cache
      package-cache verify --cache /mnt/package_cache --json
    """
    with renderer.listening() as listener:
        result = verify(CacheFolder(cache), listener)
    if not result.problems:
        return renderer.result(f"{cache}: {count(result.files, 'file')}, {in_bytes(result.bytes)}: intact", result)
    if not renderer.json:
        for problem in result.problems:
            renderer.complain(visible_line(problem))
        renderer.complain(f"{cache}: {count(len(result.problems), 'problem')}; build or stage the cache again")
    return renderer.result("", result, ExitStatus.CACHE_DAMAGED)
