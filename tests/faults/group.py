"""A group of small packages that notices in what surroundings its scripts run."""

from pathlib import Path
from typing import Any

from tests.support.debs import make_deb

BUSY = ": >/var/busy; until ls -d /run/package-cache.*; do sleep 0.1; done >/dev/null 2>&1; sleep 2"
"""Until 2 s after an installer has come."""
CAREFUL = """
[ "$(umask)" = 0022 ] || { echo "the umask is $(umask)"; exit 1; }
temporary=$(mktemp); rm "$temporary"
[ ! -x /bin/bash ] || bash -c :
[ ! -x /usr/bin/perl ] || perl -e 1
policy=0; /usr/sbin/policy-rc.d daemon start || policy=$?
[ "$policy" = 101 ] || : >/var/started
"""
FAILS = "[ ! -e /var/fail ]"
NOT_STARTED = "ls /var/started /var/owned 2>/dev/null || :\n"
FILES = {"/usr/bin/wanted": "#!/bin/sh\n", "/opt/wanted/file": "x", "/usr/share/doc/wanted/copyright": "free\n"}


def packages(folder: Path) -> dict[str, Any]:
    """Make them: what a synthetic job takes. In /debs lie an older version, one that fails, and one that takes 2 s."""
    conf: dict[str, Any] = {"conffiles": ["/etc/needed.ini"]}
    group = [
        make_deb(folder, "wanted", depends="needed (>= 1)", files=FILES, scripts={"postinst": FAILS}),
        make_deb(folder, "needed", files={"/etc/needed.ini": "new\n"}, scripts={"postinst": CAREFUL}, **conf),
    ]
    others = [
        make_deb(folder, "needed", "0.1", files={"/etc/needed.ini": "old\n"}, **conf),
        make_deb(folder, "half", scripts={"postinst": "[ ! -e /var/broken ]"}),
        make_deb(folder, "busy", scripts={"postinst": BUSY}),
    ]
    return {"requests": ["wanted"], "debs": group, "others": others, "provides": ["/usr/bin/wanted"]}
