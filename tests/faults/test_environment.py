"""Whatever environment, limits and open files the command inherits."""

import pytest
from tests.faults.conftest import InjectIn
from tests.faults.fault import Fault, on_systems
from tests.support.lab import Isolation

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
HERE = 'exec /bin/sh -c "$0"'


def within(lines: str) -> tuple[str, ...]:
    """Return the shell that runs lines before the command."""
    return ("/bin/sh", "-c", f"{lines}; {HERE}")


GERMAN = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "LANGUAGE": "de_DE:de"}
"""As this locale is there everywhere, apt and dpkg speak German."""
BUSY = "(dpkg -i /debs/busy_*.deb) </dev/null >/dev/null 2>&1 & until [ -e /var/busy ]; do sleep 0.05; done"
LOCALES = [
    Fault("a locale that does not exist", env={"LC_ALL": "xx_YY.UTF-8", "LANG": "xx_YY.UTF-8", "LANGUAGE": "xx"}),
    Fault("a locale of German", env={"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}),
    Fault("German", env=GERMAN),
    Fault("German, and dpkg left half-configured", "touch /var/broken; dpkg -i /debs/half_*.deb >/dev/null 2>&1 || :",
          (ExitStatus.DPKG_BROKEN,), "packages are half installed here", "rm /var/broken",
          sane=False, env=GERMAN),
    Fault("German, and dpkg locked for 2 s", BUSY, says="waiting for it", meanwhile=["busy"],
          writes=["/var/lib/dpkg/updates/*"], env=GERMAN),
    Fault("German, and an older version held", "dpkg -i /debs/needed_0.1_all.deb >/dev/null; touch "
          "/var/lib/dpkg/available; echo needed hold | dpkg --set-selections", (ExitStatus.NO_PLAN,),
          "wanted needs needed (>= 1): 0.1 is here, and held", "echo needed install | dpkg --set-selections",
          env=GERMAN),
]  # fmt: skip

NAMES = "dpkg dpkg-query dpkg-deb apt-get apt-mark sha256sum df id cat mkdir mv rm timeout setsid tail touch ln date"
HOSTILE = f"""mkdir /hostile; for name in {NAMES}; do
    printf '#!/bin/sh\\n: >/hostile/ran\\nexit 3\\n' >/hostile/$name; chmod 755 /hostile/$name; done"""
RAN = "ls /hostile/ran 2>/dev/null || :"
PATHS = [
    Fault("a short PATH", shell=within("PATH=/usr/bin:/bin; export PATH")),
    Fault("an empty PATH", shell=within("PATH=; export PATH")),
    Fault("no PATH", shell=within("unset PATH")),
    Fault("a PATH of nothing", shell=within("PATH=/nowhere; export PATH")),
    Fault("a PATH with hostile tools", HOSTILE, after=RAN, env={"PATH": "/hostile:/usr/sbin:/usr/bin:/sbin:/bin"}),
    Fault("hostile tools in the folder", HOSTILE, after=RAN, shell=within("cd /hostile; PATH=.:$PATH; export PATH")),
]  # fmt: skip

TRACES = "/var/result /var/lib/apt/extended_states /usr/bin/wanted /opt/wanted/file /var/lib/dpkg/status"
MODES = f"/busybox stat -c '%a %n' /opt/wanted {TRACES} | /busybox grep -Ev '^(755 .*/wanted|644 /.*)$'"
UNREADABLE = f"su nobody -s /bin/sh -c 'cat {TRACES}' 2>&1 >/dev/null"
UMASKS = [
    Fault(
        f"a umask of {mask}",
        after=f"{MODES}; {UNREADABLE}; :",
        options="--result /var/result",
        writes=["/var/result"],
        shell=within(f"umask {mask}"),
    )
    for mask in ("077", "000", "777", "002")
]

INTERNAL = """groups cache result work policy run fresh leftover automatic me now steps touched untouched child status
files planned session waiting killed undone log lines missing known there wrong absent requests pool system message"""
VARIABLES = {
    "of field separators": {"IFS": "/ap", "CDPATH": "/:/etc:/usr"},
    "of shells": {"ENV": "/hostile/exits", "BASH_ENV": "/hostile/exits", "PS4": "$(exit 3)"},
    "of shells that do nothing": {"SHELLOPTS": "noexec", "BASHOPTS": "failglob"},
    "of dpkg": {"DPKG_ROOT": "/nowhere", "DPKG_ADMINDIR": "/nowhere", "DPKG_FORCE": "none",
                "DPKG_FRONTEND_LOCKED": "1", "DPKG_COLORS": "always", "DPKG_DEBUG": "77777", "DPKG_PAGER": "false"},
    "of apt": {"APT_CONFIG": "/hostile/exits", "APT_LISTCHANGES_FRONTEND": "mail", "APT_LISTBUGS_FRONTEND": "x"},
    "of apt, missing": {"APT_CONFIG": "/nowhere"},
    "of debconf": {"DEBIAN_FRONTEND": "gnome", "DEBIAN_HAS_FRONTEND": "1", "DEBCONF_REDIR": "1",
                   "DEBIAN_PRIORITY": "low", "DEBCONF_SYSTEMRC": "/nowhere", "DEBCONF_DEBUG": ".*"},
    "of POSIX": {"POSIXLY_CORRECT": "1", "BLOCK_SIZE": "1M", "DF_BLOCK_SIZE": "human-readable", "COLUMNS": "20"},
    "of GNU": {"GREP_OPTIONS": "-v", "TAR_OPTIONS": "--bogus", "GZIP": "-9", "XZ_OPT": "--bogus", "LS_COLORS": "x"},
    "of Perl": {"PERL5OPT": "-MNo::Such", "PERL5LIB": "/hostile", "PERLLIB": "/hostile"},
    "of Python": {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"},
    "of a library that is missing": {"LD_PRELOAD": "/nowhere/lock.so"},
    "of libraries that are others": {"LD_LIBRARY_PATH": "/hostile/lib"},
    "of temporary files, missing": {"TMPDIR": "/nowhere", "TMP": "/nowhere", "TEMP": "/nowhere"},
    "of temporary files, odd": {"TMPDIR": "/a 'place' $(touch /var/owned)"},
    "of temporary files, a file": {"TMPDIR": "/etc/passwd"},
    "of temporary files, relative": {"TMPDIR": "tmp"},
    "of a home that is missing": {"HOME": "/nowhere"},
    "of a proxy that is dead": {"http_proxy": "http://127.0.0.1:9", "all_proxy": "socks5h://127.0.0.1:9"},
    "of a time zone that is odd": {"TZ": "/nowhere"},
    "that the installer has itself": dict.fromkeys(INTERNAL.split(), "/etc/passwd"),
}  # fmt: skip
PREPARE = """mkdir -p /hostile/lib; echo 'exit 3' >/hostile/exits
for f in /usr/lib/x86_64-linux-gnu/libapt-pkg.so.* /lib/x86_64-linux-gnu/lib[lz]*.so.*; do
    echo nonsense >/hostile/lib/${f##*/}; done"""
COMMANDS = """apt cat cd chmod command date df echo head id kill ln mkdir mv printf query read rm rmdir say setsid
sha256sum sleep tail timeout touch umask wait"""
FUNCTIONS = {f"BASH_FUNC_{name}%%": "() { return 3; }" for name in COMMANDS.split()}
ENVIRONMENTS = [
    *(Fault(f"variables {name}", PREPARE, env=env) for name, env in VARIABLES.items()),
    Fault("no home", shell=within("unset HOME")),
    Fault("no environment", shell=("/busybox", "env", "-i", "/bin/sh", "-c")),
    Fault("functions of bash", env=FUNCTIONS),
    Fault("functions of bash, and bash for a shell", "ln -sf bash /bin/sh", env=FUNCTIONS),
    Fault("variables of shells, and bash for a shell", PREPARE + "; ln -sf bash /bin/sh",
          env={"ENV": "/hostile/exits", "BASH_ENV": "/hostile/exits"}),
    Fault("an environment that is long", shell=within(
        'x=$(head -c 100000 /dev/zero | tr "\\\\0" x); export x a="$x" b="$x" c="$x" d="$x" e="$x" f="$x" g="$x"')),
]  # fmt: skip

NO_WAY = (ExitStatus.NO_SPACE, ExitStatus.DPKG_BROKEN)
LIMITS = [
    Fault("few open files", shell=within("ulimit -n 16")),
    Fault("files of 100 KiB at most", expected=NO_WAY, shell=within("ulimit -f 200")),
    Fault("files of 5 MiB at most", shell=within("ulimit -f 10240")),
    Fault("little memory", expected=(ExitStatus.INSTALLED, *NO_WAY), shell=within("ulimit -v 30000")),
    Fault("a small stack", shell=within("ulimit -s 256")),
    Fault("no core", shell=within("ulimit -c 0")),
]  # fmt: skip
STREAMS = [
    Fault("no standard input", shell=within("exec <&-")),
    Fault("no standard output", shell=within("exec >&-")),
    Fault("no standard error", shell=within("exec 2>&-")),
    Fault("no streams at all", shell=within("exec <&- >&- 2>&-")),
    Fault("a full standard output", shell=within("exec >/dev/full")),
    Fault("a full standard error", shell=within("exec 2>/dev/full")),
    Fault("full streams", shell=within("exec >/dev/full 2>&1")),
    Fault("a standard input that never ends", shell=within("exec </dev/zero")),
    Fault("many open files", shell=within("exec 3</dev/null 4>&1 5>/dev/full 6</etc/passwd 7<&- 8>&1 9>&2")),
]
REST = [
    Fault("a working folder that is gone", shell=within("mkdir /x; cd /x; rmdir /x")),
    Fault("a working folder with odd files", "mkdir /x; touch /x/-f /x/0 '/x/*' /x/ii", shell=within("cd /x")),
    Fault("signals that are ignored", shell=within("trap '' HUP INT TERM PIPE QUIT ALRM USR1 USR2 TTOU TTIN TSTP")),
    Fault("ends of children that are ignored",
          shell=("/usr/bin/perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec '/bin/sh', '-c', @ARGV")),
    Fault("a shell that stops at errors", shell=("/bin/sh", "-euc")),
    Fault("a low priority", shell=("nice", "-n", "19", "/bin/sh", "-c")),
    Fault("not root", expected=(ExitStatus.NOT_ROOT,), says="this is not root",
          shell=("chroot", "--userspec=65534:65534", "/", "/bin/sh", "-c")),
    Fault("not root, of its group", expected=(ExitStatus.NOT_ROOT,), says="this is not root",
          shell=("chroot", "--userspec=1234:0", "/", "/bin/sh", "-c")),
    Fault("not root, by su", expected=(ExitStatus.NOT_ROOT,), says="this is not root",
          shell=("su", "nobody", "-s", "/bin/sh", "-c")),
]  # fmt: skip

FAULTS = [*LOCALES, *PATHS, *UMASKS, *ENVIRONMENTS, *LIMITS, *STREAMS, *REST]


@on_systems(FAULTS, 6)
def test_an_environment_that_is_odd(fault: Fault, system: str, inject_in: InjectIn, isolation: Isolation) -> None:
    if "not root" in fault.name and isolation is Isolation.USER_NAMESPACE:
        pytest.skip("a user namespace has one user here")
    inject_in(system, fault)
