"""Images that lack tools and folders, say another release, or come with a configuration that breaks apt or dpkg."""

import pytest
from tests.faults.conftest import InjectIn, RealJob
from tests.faults.fault import FAILED, READ_ONLY, Fault, inject, on_real_jobs, on_systems
from tests.support.lab import Isolation

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
NO_DPKG = (ExitStatus.NO_DPKG,)
BROKEN = (ExitStatus.DPKG_BROKEN,)
BACK = "cp -a /root/gone/. /; rm -rf /root/gone"


def gone(*names: str) -> str:
    """Return the line that takes programs and files away, to where BACK finds them."""
    places = " ".join(f"/bin/{name} /sbin/{name} /usr/bin/{name} /usr/sbin/{name}" for name in names)
    return (
        f"mkdir -p /root/gone; for f in {places}; do [ ! -e $f ] || cp -a --parents $f /root/gone; done; rm -f {places}"
    )


def lacks(*names: str) -> Fault:
    """A fault in which programs are missing that are not needed."""
    return Fault(f"no {' '.join(names)}", gone(*names))


AWK = ("awk", "mawk", "nawk")
TOOLS = [
    lacks("bash"),
    lacks(*AWK),
    lacks("perl"),
    lacks("flock"),
    lacks("setsid"),
    lacks("gpgv"),
    lacks("split"),
    lacks("bash", *AWK, "perl", "xz", "flock", "setsid", "gpgv", "hostname"),
    Fault("no apt-get", gone("apt-get"), NO_DPKG, "there is no apt-get here", BACK),
    Fault("no dpkg", gone("dpkg"), NO_DPKG, "there is no", BACK),
    Fault("no dpkg-query", gone("dpkg-query"), NO_DPKG, "there is no dpkg here", BACK),
    Fault("no dpkg-deb", gone("dpkg-deb"), BROKEN, "dpkg", BACK),
    Fault("no tar", gone("tar"), BROKEN, "dpkg", BACK),
    Fault("no timeout", gone("timeout"), NO_DPKG, "there is no timeout here", BACK),
    Fault("no sha256sum", gone("sha256sum"), NO_DPKG, "there is no sha256sum here", BACK),
    Fault("the shell of busybox", "ln -sf /busybox /bin/sh", heal="ln -sf dash /bin/sh"),
    Fault("bash for a shell", "ln -sf bash /bin/sh"),
    Fault("root that may not give files to others", without="chown,fowner,setuid,setgid,mknod"),
]  # fmt: skip

NOT_THIS = (ExitStatus.NOT_FOR_SYSTEM,)
SAYS_NOT = "does not say which OS release this is"


def release(name: str, lines: str, expected: tuple[ExitStatus, ...] = NOT_THIS, says: str = SAYS_NOT) -> Fault:
    """A fault in which os-release(5) is another: `lines` for printf(1)."""
    cause = f". /etc/os-release; rm -f /etc/os-release; printf '{lines}' $ID $VERSION_ID >/etc/os-release"
    return Fault(name, cause, expected, says)


SYSTEMS = [
    release("another release", "ID=%s\\nVERSION_ID=99.04\\n# %s\\n", says="it is for: "),
    release("another distribution", "ID=linuxmint\\nID_LIKE=%s\\nVERSION_ID=%s\\n", says="is not for linuxmint"),
    release("a release without a number", "ID=%s\\n# VERSION_ID=%s\\n", says="it has no VERSION_ID"),
    release("a release with line ends of DOS", "ID=%s\\r\\nVERSION_ID=%s\\r\\n", (ExitStatus.INSTALLED,), ""),
    release("a release that is shell", "ID=%s\\nVERSION_ID=\"%s`touch /var/owned`$(touch /var/owned)\"\\n"),
    release("a release that leads elsewhere", "ID=%s\\nVERSION_ID=../../..\\n"),
    release("a release that is empty", ""),
    release("a release with single quotes and no line end", "ID='\\''%s'\\''\\n  VERSION_ID='\\''%s'\\''",
            (ExitStatus.INSTALLED,), ""),
    Fault("no release", "rm /etc/os-release /usr/lib/os-release", NOT_THIS, SAYS_NOT),
    Fault("a release in lib only", "rm /etc/os-release"),
    Fault("a release that is a folder", "rm /etc/os-release; mkdir /etc/os-release"),
    Fault("a release that is a pipe", "rm /etc/os-release; mkfifo /etc/os-release"),
    Fault("releases that are pipes",
          "rm /etc/os-release /usr/lib/os-release; mkfifo /etc/os-release /usr/lib/os-release", NOT_THIS, SAYS_NOT),
    Fault("another architecture", "", (ExitStatus.NOT_FOR_ARCHITECTURE,), "it is for: arm64", architecture="arm64"),
]  # fmt: skip

APT_CONFIGURATIONS = {
    "nonsense": "this is { not configuration",
    "a hook that fails": 'DPkg::Pre-Invoke { "false"; }; APT::Update::Pre-Invoke { "false"; };',
    "a hook after it that fails": 'DPkg::Post-Invoke { "false"; }; DPkg::Post-Invoke-Success { "false"; };',
    "hooks of docker": 'DPkg::Post-Invoke { "touch /var/hook; rm -f /var/cache/apt/archives/*.deb || true"; }; '
    'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache ""; Acquire::GzipIndexes "true";',
    "no cache": 'Dir::Cache "";',
    "no state": 'Dir::State "/nowhere"; Dir::State::status "/dev/null";',
    "another root": 'Dir "/nowhere"; RootDir "/nowhere";',
    "another dpkg": 'Dir::Bin::dpkg "/bin/false"; Dir::Bin::Methods "/nowhere";',
    "options of dpkg": 'DPkg::Options { "--bogus"; };',
    "a release": 'APT::Default-Release "nonesuch";',
    "recommends": 'APT::Install-Recommends "true"; APT::Install-Suggests "true";',
    "a dead proxy": 'Acquire::http::Proxy "http://127.0.0.1:9"; Acquire::Retries "100";',
    "force": 'APT::Get::Force-Yes "true"; APT::Get::AllowUnauthenticated "true";',
    "no to all": 'APT::Get::Assume-No "true"; APT::Get::Assume-Yes "false";',
    "a simulation": 'APT::Get::Simulate "true"; APT::Get::Download-Only "true";',
    "another architecture": 'APT::Architecture "arm64"; APT::Architectures { "arm64"; };',
}
FILE = "/etc/apt/apt.conf.d/99odd"
APT = [
    Fault(f"apt with {name}", f"cat >{FILE} <<'END'\n{text}\nEND", heal=f"rm {FILE}",
          after="ls /var/hook 2>/dev/null || :")
    for name, text in APT_CONFIGURATIONS.items()
]  # fmt: skip

LISTEN = "(/busybox nc -l -p 79 -s 127.0.0.1 -e touch /var/asked; sleep 60) </dev/null >/dev/null 2>&1 &"
SOURCE = "echo 'deb {options}http://127.0.0.1:{port} stable main' >/etc/apt/sources.list.d/odd.list"
SOURCES = [
    Fault("a dead source", SOURCE.format(options="", port=9)),
    Fault("a source that does not answer", LISTEN + "sleep 0.2;" + SOURCE.format(options="", port=79),
          after="ls /var/asked 2>/dev/null || :"),
    Fault("an unsigned source", SOURCE.format(options="[trusted=no] ", port=9)),
    Fault("a source that is nonsense", "echo nonsense >/etc/apt/sources.list", heal="rm /etc/apt/sources.list"),
    Fault("no sources", "rm /etc/apt/sources.list"),
    Fault("sources that are a folder", "rm /etc/apt/sources.list; mkdir /etc/apt/sources.list"),
    Fault("no folder of apt", "rm -rf /etc/apt"),
]  # fmt: skip

CHANGED = "dpkg -i /debs/needed_0.1_all.deb >/dev/null; echo mine >/etc/needed.ini;"
STAYS = "grep -vx mine /etc/needed.ini || :"
DPKG = [
    Fault("dpkg without documentation", "echo 'path-exclude=/usr/share/doc/*' >/etc/dpkg/dpkg.cfg.d/odd",
          after="ls /usr/share/doc/wanted/copyright 2>/dev/null || :"),
    Fault("dpkg that is unsafe", "echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/odd"),
    Fault("dpkg that is told to take new conffiles", CHANGED + "echo force-confnew >/etc/dpkg/dpkg.cfg.d/odd",
          after=STAYS),
    Fault("dpkg that logs to nowhere", "echo 'log /nowhere/log' >/etc/dpkg/dpkg.cfg.d/odd"),
    Fault("dpkg with a hook that fails", "echo 'pre-invoke=false' >/etc/dpkg/dpkg.cfg.d/odd", BROKEN, "hook",
          heal="rm /etc/dpkg/dpkg.cfg.d/odd"),
    Fault("dpkg with a hook after it that fails", "echo 'post-invoke=false' >/etc/dpkg/dpkg.cfg.d/odd", BROKEN, "hook",
          heal="rm /etc/dpkg/dpkg.cfg.d/odd"),
    Fault("dpkg with an option that it does not know", "echo bogus >/etc/dpkg/dpkg.cfg.d/odd", BROKEN,
          "unknown option", heal="rm /etc/dpkg/dpkg.cfg.d/odd"),
    Fault("dpkg that asks for the owner of a group that is gone",
          "printf '%s\\n' 'root nonesuch 2755 /usr/bin/odd' >>/var/lib/dpkg/statoverride", BROKEN, "nonesuch",
          heal=": >/var/lib/dpkg/statoverride"),
    Fault("dpkg without a list of files", "rm /var/lib/dpkg/info/hostname.list", sane=False),
]  # fmt: skip

FOLDERS = [
    Fault("no state of apt", "rm -rf /var/lib/apt", no_marks="there is no folder for them"),
    Fault("no lists of apt", "rm -rf /var/lib/apt/lists"),
    Fault("no cache of apt", "rm -rf /var/cache/apt"),
    Fault("no cache at all", "rm -rf /var/cache"),
    Fault("no log", "rm -rf /var/log"),
    Fault("a log that is a file", "rm -rf /var/log; touch /var/log"),
    Fault("no user of apt", "sed -i '/^_apt:/d' /etc/passwd"),
    Fault("no users", "rm -f /etc/passwd /etc/group /etc/shadow"),
]


MOUNTED_READ_ONLY = "mount --bind {0} {0}; mount -o remount,bind,ro {0}"
MOUNTS = [
    Fault("no proc", shell=("unshare", "-m", "sh", "-c", '/busybox umount -l /proc; exec sh -c "$0"')),
    Fault("a usr that is read-only", MOUNTED_READ_ONLY.format("/usr"), READ_ONLY, "cannot be written to",
          "umount -l /usr"),
    Fault("an etc that is read-only", MOUNTED_READ_ONLY.format("/etc"), READ_ONLY, "cannot be written to",
          "umount -l /etc"),
    Fault("a var of which nothing may run", "mount --bind /var /var; mount -o remount,bind,noexec /var", FAILED,
          "ermission denied", "umount -l /var"),
    Fault("a state of dpkg on another file system", "cp -a /var/lib/dpkg /mnt; mount -t tmpfs tmpfs /var/lib/dpkg; "
          "cp -a /mnt/dpkg/. /var/lib/dpkg"),
]  # fmt: skip

LOOK = "(exec 2>&1; stat -c '%N %f %u %g %Y' /usr/sbin/policy-rc.d; ls -lR /usr/sbin/policy-rc.d/)"
SAME_POLICY = f'[ "$( {LOOK})" = "$(cat /root/policy)" ] || echo changed'
P = "/usr/sbin/policy-rc.d"
POLICIES = {
    "that says yes": f"printf '#!/bin/sh\\nexit 0\\n' >{P}; chmod 711 {P}; chown 12:34 {P}; touch -d 2001-02-03 {P}",
    "that says no": f"printf '#!/bin/sh\\nexit 101\\n' >{P}; chmod 755 {P}; touch -d 2001-02-03 {P}",
    "that cannot run": f"printf '#!/bin/sh\\nexit 101\\n' >{P}; chmod 640 {P}; touch -d 2001-02-03 {P}",
    "that is empty": f": >{P}; chmod 755 {P}",
    "that hangs": f"printf '#!/bin/sh\\nexec sleep 1000\\n' >{P}; chmod 755 {P}",
    "that is a folder": f"mkdir -p {P}/within; touch {P}/file; touch -d 2001-02-03 {P}",
    "that is a link to nowhere": f"ln -s /nowhere/at-all {P}",
    "that is a link to itself": f"ln -s policy-rc.d {P}",
    "that is a link": f"ln -s /bin/true {P}",
    "that is a pipe": f"mkfifo {P}; chmod 755 {P}",
    "that is diverted": f"printf '#!/bin/sh\\nexit 0\\n' >{P}; dpkg-divert --quiet --local --add --rename {P}; "
    f"printf '#!/bin/sh\\nexit 0\\n' >{P}; chmod 755 {P}",
}
POLICY = [
    Fault(f"a policy {name}", f"{cause}; {LOOK} >/root/policy || :", after=SAME_POLICY)
    for name, cause in POLICIES.items()
]

FAULTS = [*TOOLS, *SYSTEMS, *APT, *SOURCES, *DPKG, *FOLDERS, *MOUNTS, *POLICY]


@on_systems(FAULTS, 8)
def test_an_image_that_is_odd(fault: Fault, system: str, inject_in: InjectIn, isolation: Isolation) -> None:
    if fault.without and isolation is not Isolation.ROOT_NAMESPACES:
        pytest.skip("only root can take rights away")
    inject_in(system, fault)


PERHAPS = (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED)
"""Where scripts of real packages want what the installer does without: ucf has awk, debconf perl."""
REAL = [
    lacks("flock", "xz", "setsid", "gpgv"),
    Fault("no bash and no awk", gone("bash", *AWK), PERHAPS, heal=BACK,
          # scripts would remove these, and some of them fail without awk
          writes=["/usr/lib/python3*", "/usr/local/lib/python3*", "/etc/inputrc"]),
    Fault("no perl", gone("perl"), PERHAPS, heal=BACK),
    Fault("the shell of busybox", "ln -sf /busybox /bin/sh", PERHAPS, heal="ln -sf dash /bin/sh"),
    Fault("no log and no cache", "rm -rf /var/log /var/cache/apt", PERHAPS, heal="mkdir -p /var/log"),
    Fault("apt with a hook that fails", f"echo 'DPkg::Pre-Invoke {{ \"false\"; }};' >{FILE}", heal=f"rm {FILE}"),
    Fault("variables of debconf", env={"DEBIAN_HAS_FRONTEND": "1", "DEBCONF_REDIR": "1", "DEBIAN_FRONTEND": "gnome"}),
    Fault("a umask of 077", shell=("sh", "-c", 'umask 077; exec sh -c "$0"'),
          after="su nobody -s /bin/sh -c 'cat $(dpkg -L ucf rpcbind openssh-client 2>/dev/null | grep ^/usr/share/.)' "
          "2>&1 >/dev/null | grep denied || :"),
]  # fmt: skip


@on_real_jobs("fault", REAL, 2)
def test_a_real_group_in_an_odd_image(fault: Fault, job: tuple[str, str], real_job: RealJob) -> None:
    inject(real_job(*job), fault)
