"""What a terminal would obey, though it should be text alone."""

CLEAR = "\x1b[2J\x1b]0;owned\x07"
"""What clears a terminal and names its window."""


def obeyed(text: str) -> list[str]:
    """Return what a terminal would obey, or nobody would see; line ends are none of it."""
    return [sign for sign in text if not sign.isprintable() and sign != "\n"]


def assert_told(text: str) -> None:
    """Check that what a verb printed is text alone, and no error that nobody foresaw."""
    assert obeyed(text) == []
    assert "Traceback" not in text
    assert "report this" not in text
