"""Runs the installer on many variants of a group, one after the other, in one room; the result of each is a folder."""

import base64
import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.variants import Variant
from tests.installer.synthetic import Room

from package_cache.exit_codes import ExitStatus

PACKAGES = "ground lib tool"
PREPARE = """
mkdir -p /own/groups /tmp/kept; ln -s /cache/pool /own/pool; cp /cache/install_group.sh /own
cp -a /var/lib/dpkg/status /var/lib/dpkg/status-old /tmp/kept
touch /var/log/dpkg.log /var/lib/apt/extended_states; cp -a /var/log/dpkg.log /var/lib/apt/extended_states /tmp/kept
"""
LOOP = r"""
list() { dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n'; }
left() {
    ls -d /pwned /own/[!gip]* /usr/sbin/policy-rc.d /var/lib/package-cache /run/package-cache.* /tmp/package-cache.*
} 2>/dev/null
list >/tmp/before
marks=/var/lib/apt/extended_states
number=0
for variant in /variants/@PART@/*; do
    made=/tmp/results/${variant##*/}; mkdir -p $made; cd $made
    rm -rf /own/groups/*; cp -r $variant /own/groups/tools-@SYSTEM@
    number=$((number + 1))
    case $((number % 3)) in 0) shell=sh;; 1) shell=bash;; *) shell='busybox sh';; esac
    read -r began _ </proc/uptime
    (cd / && exec timeout 60 $shell /own/install_group.sh --lock-timeout 2 tools) >$made/out 2>$made/err </dev/null
    echo $? >$made/status
    read -r ended _ </proc/uptime
    echo "$began $ended $shell" >$made/time
    left >$made/left; rm -rf /pwned
    cmp -s $marks /tmp/kept/extended_states || echo $marks >$made/marks
    cp /tmp/before $made/packages
    if ! cmp -s /var/lib/dpkg/status /tmp/kept/status; then
        list >$made/packages
        dpkg --force-all --purge @PACKAGES@ >/dev/null 2>&1
    fi
    cp -a /tmp/kept/status /tmp/kept/status-old /var/lib/dpkg; cp -a /tmp/kept/dpkg.log /var/log
    cp -a /tmp/kept/extended_states $marks
    truncate -s '<20000' $made/out $made/err
done
cp /tmp/before /tmp/results
tar -C /tmp/results -cf - . | base64; rm -rf /tmp/results
"""
SHELL_TROUBLE = re.compile(r"install_group\.sh: (?:line )?\d+:|^(?:sh|bash|busybox): ", re.MULTILINE)
"""How dash, bash and busybox sh begin their own complaints about a script."""

LIMIT = 30.0
"""Seconds for one run."""


@dataclass(frozen=True)
class Run:
    """The result of one variant."""

    status: int
    out: str
    err: str
    packages: str
    left: str
    marks: str
    """apt's file of marks, where it is another than before."""
    seconds: float
    shell: str


def prepare(room: Room) -> None:
    """Make the cache whose group is replaced by each variant."""
    room.sh(PREPARE)


def run_part(room: Room, part: str, system: str) -> tuple[str, dict[str, Run]]:
    """Run the installer on all variants of a part: gives the packages there before, and what came of each."""
    script = LOOP
    for name, value in (("PART", part), ("SYSTEM", system), ("PACKAGES", PACKAGES)):
        script = script.replace(f"@{name}@", value)
    done = room.container.run(["sh", "-c", script], timeout=1200)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(done.stdout))) as tar:
        files = {item.name.removeprefix("./"): _read(tar, item) for item in tar if item.isfile()}
    names = sorted({name.partition("/")[0] for name in files if "/" in name})
    return files["before"], {name: _run(name, files) for name in names}


def _read(tar: tarfile.TarFile, item: tarfile.TarInfo) -> str:
    stream = tar.extractfile(item)
    return stream.read().decode("utf-8", "replace") if stream else ""


def _run(name: str, files: dict[str, str]) -> Run:
    began, ended, shell = files[f"{name}/time"].strip().split(maxsplit=2)
    out, err, packages, left = (files[f"{name}/{part}"] for part in ("out", "err", "packages", "left"))
    marks = files.get(f"{name}/marks", "").strip()
    return Run(
        int(files[f"{name}/status"]), out, err, packages, left, marks, float(ended) - float(began), shell.strip()
    )


def broken(variant: Variant, run: Run, before: str) -> Sequence[str]:
    """Judge one run: give what the law rules out."""
    found = []
    codes = {each.code for each in ExitStatus}
    if run.status not in codes or run.status == ExitStatus.INTERNAL.code:
        found.append(f"status {run.status}")
    if trouble := SHELL_TROUBLE.search(run.err):
        found.append(f"the shell complains: {run.err[trouble.start() :][:200]}")
    if run.left:
        found.append(f"there is now {run.left.split()}")
    if run.status != 0 and run.packages != before and not variant.lies:
        found.append(f"dpkg's packages differ: {sorted(set(run.packages.splitlines()) ^ set(before.splitlines()))}")
    if run.status != 0 and run.marks:
        found.append(f"{run.marks} differs")
    if run.status == 0:
        names = {line.split()[1] for line in run.packages.splitlines() if line.startswith(("ii", "hi"))}
        if not variant.requests or not variant.requests <= names:
            found.append(f"status 0, and not installed: {sorted(variant.requests - names) or 'nothing was asked for'}")
    elif "package-cache: " not in run.err:
        found.append("says nothing")
    if run.seconds > LIMIT:
        found.append(f"took {run.seconds:.0f} s")
    return found
