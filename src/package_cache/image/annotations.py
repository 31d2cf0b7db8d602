"""What an image says of itself: by the keys of the OCI Image Format Specification (Annotations), and by ours."""

from package_cache.cache.platform_subset import Part
from package_cache.image.variant import Form

OF_ALL = (
    "org.opencontainers.image.created",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "package-cache.form",
    "package-cache.manifest-digest",
)
"""Those that hold for every platform."""


def annotations_of(part: Part, form: Form) -> dict[str, str]:
    """Return the annotations, which are also the labels. The same cache has the same annotations."""
    description = part.description
    groups = [f"{item.group.name}-{item.group.system}" for item in part.groups]
    return {
        "org.opencontainers.image.created": description.created,
        "org.opencontainers.image.title": "package cache",
        "org.opencontainers.image.description": f"groups of system packages to install offline: {', '.join(groups)}",
        "org.opencontainers.image.version": description.manifest_digest.removeprefix("sha256:")[:12],
        "package-cache.built-by": description.built_by,
        "package-cache.form": form.value,
        "package-cache.groups": " ".join(groups),
        "package-cache.manifest-digest": description.manifest_digest,
    }
