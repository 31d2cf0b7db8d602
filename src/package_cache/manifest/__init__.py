"""Reading manifests: the seed's comma-separated file and `package-cache.toml`, into the same values."""

from package_cache.manifest.read import read_manifest

__all__ = ["read_manifest"]
