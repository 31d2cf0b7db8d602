"""Installers that were broken on purpose: the judgement names what each of them does wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults import test_locks, test_options, test_packages
from tests.faults.conftest import SyntheticJob
from tests.faults.fault import FAILED, POLICY, READ_ONLY, Fault, inject, open_job, policy
from tests.faults.verdicts import BrokenError, Verdict

from package_cache.exit_codes import ExitStatus


@dataclass(frozen=True)
class Broken:
    """Lines of the installer and what stands in their place, and the fault by which that shows."""

    name: str
    instead: Mapping[str, str]
    fault: Fault
    found: Verdict

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    def broken(self, installer: str) -> str:
        """Return the text of an installer with these lines."""
        for line, instead in self.instead.items():
            assert installer.count(line) == 1, f"what is to be broken is not there once: {line}"
            installer = installer.replace(line, instead)
        return installer


WORDS_OF_A_LOCK = """if case $(cat "${log}") in *'locked by another process'*) ;; *) false ;; esac; then"""
AUDIT = """[ -z "$("${DPKG}" --audit 2>&1)" ] && ! is_half_done && ask_apt"""
SIGNAL_AMONG_LINES = """look_for_file() { [ -z "${run}" ] || { IFS=${NEWLINE}; kill -s TERM "$$"; };"""
FORGET = "        end_run; outcome='nothing was changed'\n"
LOCK_ANYWHERE = """case ${said-} in *lock*) holder=words; return 0 ;; *) ;; esac\n"""
KNOWN = {fault.name: fault for module in (test_locks, test_options, test_packages) for fault in module.FAULTS}
POSTINST_FAILS = KNOWN["postinst fails"]
OTHER_BYTES = Fault(
    "the same package with other bytes",
    "for f in /own/pool/*; do cp /debs/wanted_1.0_all.deb $f; done",
    (ExitStatus.CACHE_DAMAGED,),
    packages=[{}],
    others=[{"name": "wanted", "files": {"/usr/share/evil": "x"}}],
)
SILENT = Fault("none", packages=[{}])
STARTS = {"/etc/init.d/daemon": "#!/bin/sh\nsleep 60 </dev/null >/dev/null 2>&1 &\n"}
STARTS_A_SERVICE = [{"files": STARTS, "scripts": {"postinst": "invoke-rc.d daemon start || :"}}]
POLICY_SAYS_YES = policy("exit 0")
FULL_SBIN = f"""
mount -t tmpfs -o size=40m tmpfs /mnt; cp -a /usr/sbin/. /mnt; mount --move /mnt /usr/sbin; {POLICY_SAYS_YES}
while echo x >/usr/sbin/full.$((n = ${{n:-0}} + 1)); do :; done 2>/dev/null; :"""
READ_ONLY_SBIN = "mount --bind /usr/sbin /usr/sbin; mount -o remount,bind,ro /usr/sbin"
I386: dict[str, Any] = {"architecture": "i386", "Multi_Arch": "same"}
SWEPT = """for place in /run ${TMPDIR:+"${TMPDIR}"} ${WORK_PLACES}; do sweep"""
KILLED = "/var/tmp/package-cache.999999-1"

ROWS = [
    Broken("no look at the end", {'check_all || fail "${wrong}"': ":"},
           KNOWN["what the group provides is not in it"], Verdict.UNTRUE),
    Broken("no hash of a package", {"|| check_hashes": ""}, OTHER_BYTES, Verdict.WRONG_REASON),
    Broken("deaf to dpkg's status", {'--install "$@" && return': '--install "$@"; return 0'},
           KNOWN["a trigger of another package fails once"], Verdict.STRAY),
    Broken("the database lost while undoing", {"if take_back && is_sane": 'if rm "${DPKG_STATE}/status"'},
           POSTINST_FAILS, Verdict.NOT_UNDONE),
    Broken("undone in words only", {"if take_back && is_sane": "if :"}, POSTINST_FAILS, Verdict.NOT_UNDONE),
    Broken("a policy left", {"    release_policy\n    [ -z": "    [ -z"}, POSTINST_FAILS, Verdict.NOT_UNDONE),
    Broken("notes left", {"        end_run\n        installed": "        installed"}, SILENT, Verdict.STRAY),
    Broken("what is in the way removed", {"-y --no-remove --print-uris install": "-y --print-uris install"},
           Fault("a conflicting package", "dpkg -i /debs/enemy_*.deb", (ExitStatus.NO_PLAN,),
                 packages=[{"Conflicts": "enemy", "Replaces": "enemy", "Provides": "enemy"}],
                 others=[{"name": "enemy"}]),
           Verdict.STRAY),
    Broken("something changed before the plan",
           {"    make_work\n    until try": "    make_work\n    touch /etc/debian_version\n    until try"},
           Fault("no plan", expected=(ExitStatus.NO_PLAN,), packages=[{"depends": "nothing-has-this-name"}]),
           Verdict.TOUCHED),
    Broken("no marks", {'mark() { [ -z "${automatic}" ]': "mark() { :"},
           Fault("a dependency", packages=[{"depends": "harmless"}]), Verdict.WRONG_MARK),
    Broken("words taken for a lock", {'if is_as_before && was_locked "${log}"; then be_patient &&': WORDS_OF_A_LOCK},
           KNOWN["a script that says that dpkg is locked, and fails"], Verdict.TOUCHED),
    Broken("a foreign IFS", {"    reset_ifs\n    set +C": "    set +C", "look_for_file() {": SIGNAL_AMONG_LINES},
           Fault("a signal among lines", expected=(ExitStatus.INTERRUPTED,), provides=["/usr/bin/wanted"],
                 packages=[{"depends": "harmless", "files": {"/usr/bin/wanted": "#!"}}]), Verdict.UNTRUE),
    Broken("architectures cut off", {'all | "${architecture}") ;; *) name=${name}:${arch} ;; esac': "*) ;; esac"},
           Fault("one name, two architectures", "dpkg --add-architecture i386; dpkg -i /debs/library_1.0_amd64.deb",
                 FAILED, others=[{**I386, "name": "library", "architecture": "amd64"}],
                 packages=[{**I386, "depends": "library", "scripts": {"postinst": "exit 1"}},
                           {**I386, "name": "library"}]),
           Verdict.NOT_UNDONE),
    Broken("sane only where nothing at all is wrong", {"! is_half_done && ask_apt": AUDIT},
           replace(POSTINST_FAILS, cause="rm /var/lib/dpkg/info/*.md5sums", sane=False), Verdict.NOT_UNDONE),
    Broken("a policy that is a mount believed to be replaced",
           {'! is_mounted "${POLICY}" ||': "return 0;"},
           Fault("a policy that says yes, mounted", f"{POLICY_SAYS_YES} mount --bind {POLICY} {POLICY}",
                 READ_ONLY, packages=STARTS_A_SERVICE), Verdict.STARTED),
    Broken("no policy where none can be had", {'services_could_start "no policy-rc.d can be put': ': "'},
           Fault("a sbin that is read-only", POLICY_SAYS_YES + READ_ONLY_SBIN,
                 READ_ONLY, packages=STARTS_A_SERVICE), Verdict.STARTED),
    Broken("the image's own policy copied back",
           {'|| mv -f "${POLICY_KEPT}" "${POLICY}"': '|| { cat "${POLICY_KEPT}" >"${POLICY}"; rm "${POLICY_KEPT}"; }',
            '    if ! write_new "${new}"': '    mv "${POLICY}" "${POLICY_KEPT}"\n    if ! write_new "${new}"'},
           Fault("a full sbin", FULL_SBIN, (ExitStatus.NO_SPACE,), packages=[{}]), Verdict.TOUCHED),
    Broken("numbers that are octal", {"'' | 0?* | *[!0-9]*": "'' | *[!0-9]*"},
           KNOWN["--lock-timeout 08"], Verdict.WRONG_REASON),
    Broken("no bound", {' && [ "${install_timeout}" != 0 ]': ""},
           KNOWN["--install-timeout 0"], Verdict.WRONG_REASON),
    Broken("a result through a link", {"/dev/stdout | /dev/stderr": "/dev/*"},
           KNOWN["a result at a link in shared memory"], Verdict.STRAY),
    Broken("a result in a folder", {'[ ! -d "${wanted}" ] ||': ":"},
           KNOWN["a result in a folder"], Verdict.STRAY),
    Broken("the word lock anywhere", {"    holder=\n    [ -r": "    holder=\n" + LOCK_ANYWHERE + "    [ -r"},
           KNOWN["a broken package whose name has the word"], Verdict.WRONG_REASON),
    Broken("no patience while undoing", {"    patience='' undoing=yes\n": "    undoing=yes\n"},
           KNOWN["a lock before and another while undoing"], Verdict.NOT_UNDONE),
    Broken("an unexpected end that forgets",
           {'check_all || fail "${wrong}"': "exit 3", "    stop_listening\n    undo_changes\n": FORGET},
           SILENT, Verdict.UNTRUE),
    Broken("a sweep of one place", {SWEPT: "for place in /run; do sweep"},
           Fault("what a killed one left", f"mkdir {KILLED}", writes=[KILLED], packages=[{}]), Verdict.LEFT_BEHIND),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_wrong_is_named(row: Broken, synthetic_job: SyntheticJob, tmp_path: Path) -> None:
    job = open_job(row.fault, "ubuntu18.04", synthetic_job, tmp_path)
    job.change_installer(row.broken)
    with pytest.raises(BrokenError) as caught:
        inject(job, row.fault)
    assert caught.value.verdict is row.found, str(caught.value)
