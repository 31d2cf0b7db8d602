"""Variables that lead programs astray: the installer and the fallback hand none of them on, whatever the shell."""

import subprocess
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.installer import HERE, online_fallback

SHELLS = {"dash": ["dash"], "bash": ["bash"], "bash as sh": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
UNSET = """
LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG LD_DEBUG_OUTPUT LD_PROFILE LD_BIND_NOW GLIBC_TUNABLES GCONV_PATH
GETCONF_DIR LOCPATH NLSPATH NIS_PATH MALLOC_TRACE MALLOC_CHECK_ RES_OPTIONS HOSTALIASES LOCALDOMAIN RESOLV_HOST_CONF
TZDIR PERL5LIB PERL5OPT PERL5DB PERLLIB PERLIO PERLIO_DEBUG PERL_UNICODE PERL_HASH_SEED PYTHONPATH PYTHONHOME
PYTHONUSERBASE PYTHONWARNINGS PYTHONINSPECT PYTHONSTARTUP PYTHONBREAKPOINT PYTHONPYCACHEPREFIX RUBYLIB RUBYOPT
GEM_PATH BUNDLE_GEMFILE NODE_OPTIONS NODE_PATH LUA_INIT LUA_PATH CLASSPATH JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS
_JAVA_OPTIONS TCLLIBPATH GUILE_LOAD_PATH DPKG_ROOT DPKG_ADMINDIR DPKG_FORCE DPKG_MAINTSCRIPT_PACKAGE
DPKG_HOOK_ACTION DPKG_COLORS DPKG_DEBUG DPKG_PAGER DPKG_DATADIR APT_LISTCHANGES_FRONTEND APT_LISTBUGS_FRONTEND
DEB_VENDOR DEB_BUILD_OPTIONS DEBCONF_REDIR DEBCONF_SYSTEMRC DEBCONF_DEBUG DEBIAN_HAS_FRONTEND DEBCONF_DB_FALLBACK
DEBCONF_USE_CDEBCONF ENV BASH_ENV BASH_XTRACEFD BASH_COMPAT CDPATH GLOBIGNORE FPATH PS4 GIT_DIR GIT_SSH_COMMAND
GIT_CONFIG_COUNT SYSTEMD_PAGER OPENSSL_CONF OPENSSL_MODULES SSLKEYLOGFILE TERMINFO TERMCAP LESSOPEN GREP_OPTIONS
TAR_OPTIONS GZIP XZ_OPT XZ_DEFAULTS
"""
KEPT = """
TZ http_proxy https_proxy no_proxy ftp_proxy HTTP_PROXY ALL_PROXY ACCEPT_EULA NEEDRESTART_MODE UCF_FORCE_CONFFOLD
HOME TERM SSL_CERT_FILE NVIDIA_VISIBLE_DEVICES PACKAGE_CACHE_REPORT OMPI_MCA_x
"""
DROPPED, PASSED = UNSET.split(), KEPT.split()
SET = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true", "DEBIAN_PRIORITY": "critical",
       "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # fmt: skip
VALUES = [
    "/nowhere", "", "a\nb", "x'\nexport PATH='/evil", 'x"\ndeclare -x HOME="/evil', "$(exit 3)`exit 3`", "\x1b[2J", "ü",
]  # fmt: skip


SHARED = "".join((HERE / "shared" / f"{name}.sh").read_text() for name in ("environment", "report", "text"))
SHARED += "clean_environment\nexec env -0\n"


def handed_on(shell: str, folder: Path, text: str = SHARED, **variables: str) -> dict[str, str]:
    """Return the environment in which a program runs once the surroundings are in order."""
    script = folder / "program.sh"
    script.write_text(text)
    env = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run([*SHELLS[shell], str(script)], env=env, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("value", VALUES)
def test_what_is_not_handed_on(value: str, shell: str, tmp_path: Path) -> None:
    kept = dict.fromkeys([*PASSED, "A", "ZZ"], value)
    found = handed_on(shell, tmp_path, **kept, **dict.fromkeys([*DROPPED, "LD_x"], value))
    assert {*found} & {*DROPPED, "LD_x"} == set()
    assert found.items() >= kept.items()
    assert found.items() >= SET.items()


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_bash_holds_on_to(shell: str, tmp_path: Path) -> None:
    values = {"SHELLOPTS": "noglob", "BASHOPTS": "failglob", "BASH_FUNC_env%%": "() { echo owned; }",
              "BASH_VERSION": "1", "BASH_VERSINFO": "1"}  # fmt: skip
    for name, value in values.items():
        assert name not in handed_on(shell, tmp_path, **{name: value})


HOSTILE = dict.fromkeys([*DROPPED, "BASHOPTS"], "/nowhere") | dict.fromkeys(PASSED, "mine") | {
    "DPKG_STATE": "/nowhere", "DPKG_QUERY": "/nowhere", "DPKG_OPTIONS": "--root=/nowhere", "DPKG": "/nowhere",
    "APT_MARKS": "/etc/passwd", "APT_CONFIG": "/nowhere", "PS4": "$(touch /var/owned)", "DEBUG": "1", "IFS": "a/",
}  # fmt: skip
"""With libraries of that name, no program would start; what a loader reads is there before a shell can unset it."""
BEFORE = (
    "LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG LD_DEBUG_OUTPUT LD_PROFILE GLIBC_TUNABLES BASH_XTRACEFD BASH_COMPAT"
)


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04", "debian12"])
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_packages_scripts_see_none_of_it(
    shell: str, system: str, tmp_path: Path, debs: Path, open_room: OpenRoom
) -> None:
    cache = SyntheticCache(tmp_path / "cache", system)
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", scripts={"postinst": "env >/root/env"})])
    room = open_room(cache)
    room.sh(f"ln -sf {shell} /bin/sh")
    env = {name: value for name, value in HOSTILE.items() if name not in BEFORE.split()}
    done = room.install("tools", env={**env, "LD_BIND_NOW": "1", "LD_WARN": "1"})
    assert (done.status, done.err) == (0, "")
    found = dict(line.split("=", 1) for line in room.sh("cat /root/env").splitlines() if "=" in line)
    theirs = {name for name in found if name.startswith("DPKG_")}  # dpkg's own, for its scripts
    assert not (set(found) - theirs) & set(DROPPED)
    assert "/nowhere" not in found.values()
    assert {name: found[name] for name in PASSED} == dict.fromkeys(PASSED, "mine")
    assert room.sh("ls /var/owned 2>/dev/null", check=False) == ""


def test_the_fallback_keeps_the_images_configuration_alone(tmp_path: Path) -> None:
    text = online_fallback().replace('main "$@"', "set_state; clean_environment; exec env -0")
    lost = {"PYTHONUSERBASE": "/x", "APT_LISTBUGS_FRONTEND": "x"}
    for shell in SHELLS:
        found = handed_on(shell, tmp_path, text, APT_CONFIG="/etc/mine", **lost)
        assert found["APT_CONFIG"] == "/etc/mine"
        assert not set(lost) & set(found)
