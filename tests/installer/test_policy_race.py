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

WHEN = {
    "before it is looked at": """
is_there() { mv "${POLICY}.other" "${POLICY}" 2>/dev/null; [ -e "$1" ] || [ -L "$1" ]; }""",
    "before it is written": """
write_new() { mv "${POLICY}.other" "${POLICY}" 2>/dev/null; printf '%s\\n' "$2" >"$1"; }""",
}
OWN = "printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d\n"
KEPT = """
write_new() { mv "${POLICY}" "${POLICY_KEPT}" && mv "${POLICY}.other" "${POLICY}"; printf '%s\\n' "$2" >"$1"; }"""
"""What the other one does where the image has a policy of its own."""
TAKE = """
be_quicker
take_policy; echo "status $? policy=${policy}"
grep -c "${other}" "${POLICY}"; cat "${POLICY_KEPT}" 2>/dev/null; ls /usr/sbin | grep -c "^policy-rc.d.${me}"
"""


@pytest.fixture
def shell(real_root: Callable[..., Path], isolation: Isolation) -> Callable[[str], str]:
    functions = "".join((HERE / f"{part}.sh").read_text() for part in PARTS)

    def run(script: str) -> str:
        with throwaway(real_root("ubuntu18.04"), isolation) as container:
            return container.run(["sh", "-fuc", functions + QUICKER + script], timeout=60, check=False).stdout

    return run


@pytest.mark.parametrize("when", WHEN)
def test_the_other_one_was_quicker(when: str, shell: Callable[[str], str]) -> None:
    assert shell(WHEN[when] + TAKE) == "status 1 policy=\n1\n0\n"


def test_the_other_one_was_quicker_and_keeps_the_images_own(shell: Callable[[str], str]) -> None:
    assert shell(OWN + KEPT + TAKE) == "status 1 policy=\n1\n#!/bin/sh\nexit 0\n0\n"


def test_it_is_the_only_one(shell: Callable[[str], str]) -> None:
    assert shell(TAKE) == "status 0 policy=ours\n0\n0\n"
