"""The forms of an image."""

from enum import Enum


class Form(Enum):
    """What is in an image beside the cache, whose tree lies at the image's root in both."""

    VOLUME = "volume"
    """Nothing: for image volumes and `COPY --from`."""
    INIT = "init"
    """One layer more, by which it stages groups by itself (init_form.py)."""
