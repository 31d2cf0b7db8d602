"""Two installers that take the policy-rc.d at the same moment: one of them has it, the other waits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.lab import Isolation, throwaway

from package_cache.installer import HERE

PARTS = (
    *(f"shared/{part}" for part in ("environment", "report", "clock", "text", "names", "processes", "locks")),
    *(f"parts/{part}" for part in ("cache", "services")),
)
QUICKER = r"""
umask 022; reset_ifs; TIMEOUT=/usr/bin/timeout policy='' policy_owner='' holder=''
sleep 60 >/dev/null 2>&1 </dev/null &
identify $!; other=${identity}
identify $$; me=${identity}
be_quicker() {
    printf '#!/bin/sh\n%s %s\nexit 101\n' "${POLICY_MARK}" "${other}" >"${POLICY}.other"
    chmod 755 "${POLICY}.other"
}
"""
"""Another installer, which is alive, and its policy-rc.d, which is not yet in its place."""

OWN = "printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d\n"
WHEN = {
    "before it is looked at": (
        """is_there() { mv "${POLICY}.other" "${POLICY}" 2>/dev/null; [ -e "$1" ] || [ -L "$1" ]; }""",
        "status 1 policy=\n1\n0\n",
    ),
    "before it is written": (
        """write_new() { mv "${POLICY}.other" "${POLICY}" 2>/dev/null; printf '%s\\n' "$2" >"$1"; }""",
        "status 1 policy=\n1\n0\n",
    ),
    "before it is written, and keeps the image's own": (
        f"""{OWN}write_new() {{ mv "${{POLICY}}" "${{POLICY_KEPT}}" && mv "${{POLICY}}.other" "${{POLICY}}"
        printf '%s\\n' "$2" >"$1"; }}""",
        "status 1 policy=\n1\n#!/bin/sh\nexit 0\n0\n",
    ),
    "never": ("", "status 0 policy=ours\n0\n0\n"),
}
"""When the other one is quicker: functions in which it does its part, and what TAKE prints."""

TAKE = """
be_quicker
take_policy; echo "status $? policy=${policy}"
grep -c "${other}" "${POLICY}"; cat "${POLICY_KEPT}" 2>/dev/null; ls /usr/sbin | grep -c "^policy-rc.d.${me}"
"""


@pytest.mark.parametrize("when", WHEN)
def test_the_other_one_is_quicker(when: str, real_root: Callable[..., Path], isolation: Isolation) -> None:
    functions = "".join((HERE / f"{part}.sh").read_text() for part in PARTS)
    script, printed = WHEN[when]
    with throwaway(real_root("ubuntu18.04"), isolation) as container:
        argv = ["sh", "-fuc", functions + QUICKER + script + TAKE]
        assert container.run(argv, timeout=60, check=False).stdout == printed
