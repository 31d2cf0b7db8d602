"""Packages whose scripts fail, hang, ask, and take what is not theirs."""

import pytest
from tests.faults.conftest import InjectIn
from tests.faults.fault import FAILED, Fault, on_systems, scripts

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
LINES = "the last lines of dpkg's output"
UNDONE = "undone: the new packages were removed, and dpkg is consistent"


TEMPLATE = "Template: wanted/question\nType: string\nDescription: What do you want?\n"
ASK = ". /usr/share/debconf/confmodule; db_input critical wanted/question || :; db_go || :"
DAEMON = {"/etc/init.d/daemon": "#!/bin/sh\necho $1 >> /var/started\n"}
CONF = {"conffiles": ["/etc/wanted.ini"]}

TRIGGER = "interest /usr/share/watched\n"
WATCHED = {"files": {"/usr/share/watched/file": "x"}}
WATCHER_IS_WHOLE = "dpkg -s watcher | grep -q '^Status: install ok installed' || echo not as it was"
NEVER_AGAIN = {"triggers": TRIGGER, "postinst": "[ ! -e /usr/share/watched/file ]"}

TERMINAL = ("sh", "-c", 'exec script -qec "$0" /dev/null')
"""script(1) gives it one."""

FAULTS = [
    Fault("preinst fails", expected=FAILED, says=UNDONE, packages=scripts(preinst="exit 3")),
    Fault("postinst fails", expected=FAILED, says=LINES, packages=scripts(postinst="exit 3")),
    Fault("all scripts fail", expected=FAILED, says=LINES,
          packages=scripts(preinst="exit 1", postinst="exit 1", prerm="exit 1", postrm="exit 1")),
    Fault("nothing lets go of it", expected=FAILED, says=UNDONE,
          packages=scripts(postinst="exit 1", prerm="exit 1", postrm="exit 1")),
    Fault("what it depends on fails", expected=FAILED, says=LINES,
          packages=[{"depends": "bad"}, {"name": "bad", "scripts": {"postinst": "exit 1"}}]),
    Fault("the last of many fails", expected=FAILED, says=UNDONE,
          packages=[{"depends": ", ".join(f"part{n}" for n in range(20)), "scripts": {"postinst": "exit 1"}},
                    *({"name": f"part{n}", "files": {f"/usr/share/part{n}": "x"}} for n in range(20))]),
    Fault("hangs", expected=FAILED, options="--install-timeout 2", packages=scripts(postinst="sleep 1000")),
    Fault("hangs and hears no signal", expected=FAILED, options="--install-timeout 2",
          systems=("ubuntu18.04",), packages=scripts(postinst="trap '' TERM; while :; do sleep 1; done")),
    Fault("kills dpkg", expected=FAILED, says=UNDONE, packages=scripts(postinst="kill -9 $PPID; sleep 1")),
    Fault("asks by debconf", packages=scripts(templates=TEMPLATE, config=ASK, postinst=ASK)),
    Fault("asks on no terminal, and does without",
          packages=scripts(postinst="echo 'What do you want?'; read -r answer </dev/tty || :")),
    Fault("asks on a terminal", expected=FAILED, shell=TERMINAL,
          packages=scripts(postinst="read -r answer </dev/tty")),
    Fault("reads standard input, and does without", packages=scripts(postinst="cat; read -r answer || :")),
    Fault("reads standard input", expected=FAILED, says=LINES, packages=scripts(postinst="read -r answer")),
    Fault("a conffile that the user changed", "dpkg -i /debs/wanted_0.1_all.deb; echo mine >/etc/wanted.ini",
          after="grep -vx mine /etc/wanted.ini; ls /etc/wanted.ini.dpkg-new 2>/dev/null || :",
          packages=[{"files": {"/etc/wanted.ini": "new\n"}, **CONF}, {"name": "more", "depends": "wanted (>= 1)"}],
          others=[{"name": "wanted", "version": "0.1", "files": {"/etc/wanted.ini": "old\n"}, **CONF}]),
    Fault("starts a service", after="cat /var/started 2>/dev/null || :",
          packages=[{"files": DAEMON, "scripts": {"postinst": "invoke-rc.d daemon start || :"}}]),
    Fault("starts a daemon without asking", starts="it does not ask invoke-rc.d",
          packages=scripts(postinst="sleep 3 & exit 0")),
    Fault("leaves a process that hears nothing", starts="it left its process group",
          packages=scripts(postinst="(trap '' HUP TERM; sleep 3) & exit 0")),
    Fault("says much", packages=scripts(postinst="head -c 3000000 /dev/zero | tr '\\\\0' x")),
    Fault("says what is no text", packages=scripts(postinst="head -c 3000 /dev/urandom")),
    Fault("writes to a closed terminal", shell=("sh", "-c", 'exec >&- 2>&- <&-; exec sh -c "$0"'),
          packages=scripts(postinst="echo hello; echo hello >&2")),
    Fault("writes to a reader that went away",
          writes=["/root/status"],
          shell=("sh", "-c", '{ sh -c "$0" 2>&1; echo $? >/root/status; } | :; exit $(cat /root/status)'),
          packages=scripts(postinst="for i in 1 2 3 4 5 6 7 8; do echo hello; done")),
    Fault("a chain of Pre-Depends", writes=["/var/one", "/var/two"],
          packages=[{"Pre_Depends": "one", "scripts": {"preinst": "[ -e /var/one ]"}},
                    {"name": "one", "Pre_Depends": "two", "scripts": {"postinst": ": >/var/one"}},
                    {"name": "two", "scripts": {"postinst": ": >/var/two"}}]),
    Fault("a chain of Pre-Depends that fails", expected=FAILED, says=UNDONE,
          packages=[{"Pre_Depends": "one"}, {"name": "one", "Pre_Depends": "two"},
                    {"name": "two", "scripts": {"postinst": "exit 1"}}]),
    Fault("a circle of dependencies", packages=[{"depends": "one"}, {"name": "one", "depends": "wanted"}]),
    Fault("a circle of dependencies that fails", expected=FAILED, says=UNDONE,
          packages=[{"depends": "one"}, {"name": "one", "depends": "wanted", "scripts": {"postinst": "exit 1"}}]),
    Fault("a trigger of another package fails once", "dpkg -i /debs/watcher_*.deb", says="trying apt-get install",
          packages=[WATCHED], after=WATCHER_IS_WHOLE, others=[{"name": "watcher", "scripts": {
              "triggers": TRIGGER, "postinst": "[ $1 != triggered ]"}}]),
    Fault("a trigger of another package fails", "dpkg -i /debs/watcher_*.deb", FAILED, UNDONE,
          packages=[WATCHED], after=WATCHER_IS_WHOLE, heal="dpkg --purge watcher",
          others=[{"name": "watcher", "scripts": NEVER_AGAIN}]),
    Fault("a trigger of another one in the group fails", expected=FAILED, says=UNDONE,
          packages=[WATCHED, {"name": "watcher", "scripts": NEVER_AGAIN}]),
    Fault("the newer version of what is here fails",
          cannot_be_undone="dpkg goes back to an older version only with the file of it",
          cause="dpkg -i /debs/old_1.0_all.deb", expected=FAILED, says="not completely undone",
          packages=[{"depends": "old (>= 2)"}, {"name": "old", "version": "2", "scripts": {"postinst": "exit 1"}}],
          others=[{"name": "old"}]),
    Fault("the newer version of what is here cannot be unpacked", "dpkg -i /debs/old_1.0_all.deb", FAILED, UNDONE,
          packages=[{"depends": "old (>= 2)"}, {"name": "old", "version": "2", "scripts": {"preinst": "exit 1"}}],
          after="dpkg -s old | grep -q '^Version: 1.0' || echo not as it was", others=[{"name": "old"}]),
    Fault("a file that no package owns", "echo mine >/usr/bin/wanted",
          packages=[{"files": {"/usr/bin/wanted": "1"}}]),
    Fault("a folder where its file goes", writes=["/usr/bin/wanted/mine"], cause="mkdir -p /usr/bin/wanted/mine",
          packages=[{"files": {"/usr/bin/wanted": "1"}}]),
    Fault("a link where its folder goes", writes=["/opt/real/file"],
          cause="mkdir /opt/real; ln -s /opt/real /opt/wanted",
          after="[ -L /opt/wanted ] || echo gone", packages=[{"files": {"/opt/wanted/file": "1"}}]),
    Fault("a file that another package owns", "dpkg -i /debs/owner_*.deb", FAILED, "trying to overwrite",
          after="grep -vx owners /usr/share/file || :", packages=[{"files": {"/usr/share/file": "mine"}}],
          others=[{"name": "owner", "files": {"/usr/share/file": "owners\n"}}]),
    Fault("two of the group own a file", expected=FAILED, says="trying to overwrite",
          packages=[{"depends": "one", "files": {"/usr/share/file": "1"}},
                    {"name": "one", "files": {"/usr/share/file": "2"}}]),
    Fault("what the group provides is not in it", expected=FAILED, says="the file /usr/bin/nothing is not there",
          provides=["/usr/bin/nothing"], packages=[{}]),
    Fault("takes away what the group provides", expected=FAILED, says="the file /usr/bin/wanted is not there",
          provides=["/usr/bin/wanted"],
          packages=[{"files": {"/usr/bin/wanted": "1"}, "scripts": {"postinst": "rm /usr/bin/wanted"}}]),
    Fault("takes another one away", writes=["/usr/share/harmless"], expected=FAILED, says="dpkg",
          packages=scripts(postinst="rm /var/lib/dpkg/info/harmless.list; exit 1")),
    Fault("installs by itself", packages=scripts(postinst="apt-get -y install harmless || :")),
    Fault("has the policy itself", after="grep -q theirs /usr/sbin/policy-rc.d || echo gone",
          packages=[{"files": {"/usr/sbin/policy-rc.d": "#!/bin/sh\n# theirs\n"}}]),
    Fault("changes the policy", after="ls /usr/sbin/policy-rc.d* 2>/dev/null || :",
          packages=scripts(postinst="rm -f /usr/sbin/policy-rc.d")),
    Fault("is as great as a disk", expected=(ExitStatus.NO_SPACE,), says="there is not enough space on",
          packages=[{"Installed_Size": "999999999"}]),
]  # fmt: skip


@on_systems(FAULTS, 14)
def test_packages_that_are_hostile(fault: Fault, system: str, inject_in: InjectIn) -> None:
    inject_in(system, fault)
