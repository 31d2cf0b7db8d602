"""The order in which a replay puts files into place."""

from package_cache.recording.content import looked_at_last


def test_what_scripts_look_for_comes_after_what_belongs_to_it() -> None:
    paths = ["/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow", "/etc/ssh/key", "/etc/ssh/key.pub", "/etc/x"]
    assert looked_at_last(paths) == [
        "/etc/gshadow",
        "/etc/shadow",
        "/etc/ssh/key.pub",
        "/etc/x",
        "/etc/group",
        "/etc/passwd",
        "/etc/ssh/key",
    ]
