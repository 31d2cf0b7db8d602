"""Prepare named groups of system packages once; install them in any container of that OS, offline."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from package_cache.plugin.api import try_to_install_by_cache
    from package_cache.plugin.online_fallback import online_fallback

__version__ = "0.1.0"
__all__ = ["online_fallback", "try_to_install_by_cache"]


def __getattr__(name: str) -> object:
    """Import the plugin API when it is asked for (PEP 562): no part of the library loads another by being imported."""
    if name == "online_fallback":
        from package_cache.plugin.online_fallback import online_fallback  # noqa: PLC0415

        return online_fallback
    if name == "try_to_install_by_cache":
        from package_cache.plugin.api import try_to_install_by_cache  # noqa: PLC0415

        return try_to_install_by_cache
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
