"""Packages of every kind come in by one run, whatever their names, scripts and relations, in every shell."""

import shutil
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache, restate
from tests.support.debs import make_deb

from package_cache.process import find_tool


def test_says_what_it_does_and_leaves_only_the_packages(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    needed = make_deb(debs, "needed", "1:2.0~rc1+dfsg-3")
    wanted = make_deb(debs, "wanted", depends="needed (= 1:2.0~rc1+dfsg-3)", files={"/usr/bin/wanted": "#!/bin/sh\n"})
    cache.add("tools", ["wanted"], [needed, wanted], provides=["/usr/bin/wanted"])
    room = open_room(cache)
    done = room.install("tools")
    first, last = done.out.splitlines()
    assert first == "package-cache: tools: 2 packages to install, 0.0 MB, all hashes fit"
    assert last.startswith("package-cache: tools installed: 2 packages in ")
    assert last.endswith(" s, 0 bytes from the network")
    assert (done.status, done.err) == (0, "")
    assert room.state("needed", "wanted") == {"needed": "ii 1:2.0~rc1+dfsg-3", "wanted": "ii 1.0"}
    assert room.sh("apt-mark showauto needed wanted") == "needed\n"
    assert room.sh("ls -A /tmp /run/package-cache* /usr/sbin/policy-rc.d* 2>/dev/null", check=False) == "/tmp:\n"


OTHERS = "Package: libc6\nArchitecture: amd64\nAuto-Installed: 1\n\n"
MARK = "Package: needed\nArchitecture: amd64\nAuto-Installed: {}\n\n"
MARKS = {
    "none": ("rm -f {}", MARK.format(1)),
    "others": (f"printf '{OTHERS}' >{{}}", OTHERS + MARK.format(1)),
    "its own": (f"printf '{MARK.format(0)}{OTHERS}' >{{}}", OTHERS + MARK.format(1)),
    "a link": (f"printf '{OTHERS}' >/root/marks; ln -sf /root/marks {{}}", OTHERS + MARK.format(1)),
}


@pytest.mark.parametrize("which", MARKS)
def test_dependencies_are_marked_beside_the_marks_that_are_there(
    which: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    prepare, expected = MARKS[which]
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed"), make_deb(debs, "needed")])
    room = open_room(cache)
    file = "/var/lib/apt/extended_states"
    room.sh(prepare.format(file))
    assert room.install("tools").status == 0
    assert sorted(room.sh(f"cat {file}").split("\n\n")) == sorted(expected.split("\n\n"))
    assert room.sh(f"stat -L -c %a {file}; ls {file}*") == f"644\n{file}\n"
    assert room.sh("apt-mark showauto needed wanted") == "needed\n"


@pytest.mark.parametrize("present", ["as a dependency", "older, as a dependency", "not"])
def test_what_is_asked_for_by_name_is_marked_so(
    present: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    older = make_deb(debs, "needed", "0.9")
    needed = make_deb(debs, "needed")
    cache.add("one", ["wanted"], [make_deb(debs, "wanted", depends="needed"), needed])
    cache.add("both", ["needed:amd64=1.0"], [needed])
    room = open_room(cache, binds={"/debs": debs})
    if present == "older, as a dependency":
        room.sh(f"dpkg -i /debs/{older.name}; apt-mark auto needed")
    if present == "as a dependency":
        assert room.install("one").status == 0
        assert room.sh("apt-mark showauto needed") == "needed\n"
    assert room.install("both", "--dry-run").status == 0
    assert room.sh("apt-mark showauto needed") == ("" if present == "not" else "needed\n")
    done = room.install("both")
    assert (done.status, done.err) == (0, "")
    assert room.sh("apt-mark showauto needed") == ""
    assert room.sh("apt-get -s autoremove | grep ^Remv", check=False) == ""


def test_a_mark_that_cannot_be_set_is_said(room: Room) -> None:
    assert room.install("tools").status == 0
    room.sh("apt-mark auto wanted")
    done = room.install("tools", shell=("chroot", "--userspec=65534:65534", "/", "sh"))
    assert done.status == 0
    assert done.err.startswith("package-cache: cannot mark packages (manual): ")


ODD = ("a_b", "x", "1__2+-.", "BIG")
"""Names that dpkg accepts and Debian Policy does not."""


@pytest.mark.parametrize("system", ["ubuntu18.04", "debian12"])
def test_names_that_only_dpkg_accepts(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    odd = [make_deb(debs, name, "1:2:3") for name in ODD]
    wanted = make_deb(debs, "wanted", depends=", ".join(ODD).lower(), Pre_Depends="a_b (>= 1)")
    cache.add("tools", ["wanted", "x=1:2:3"], [*odd, wanted])
    failing = make_deb(debs, "fails_too", depends="big, a_b", scripts={"postinst": "exit 1"})
    cache.add("fails", ["fails_too"], [*odd, failing])
    room = open_room(cache)
    names = [name.lower() for name in ODD]
    assert room.install("fails").status == 50
    assert room.state(*names) == {}
    assert room.audit() == ""
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert room.state(*names) == dict.fromkeys(names, "ii 1:2:3")
    assert sorted(room.sh(f"apt-mark showauto {' '.join(names)}").split()) == sorted({*names} - {"x"})


ASKING = {
    "templates": "Template: asking/where\nType: string\nDefault: nowhere\nDescription: Where?\n\n"
    "Template: asking/why\nType: string\nDefault: never\nDescription: Why?\n",
    "config": ". /usr/share/debconf/confmodule\n"
    "db_input critical asking/where || :\ndb_input high asking/why || :\ndb_go\n",
    "postinst": '. /usr/share/debconf/confmodule\ndb_get asking/where\necho "$RET" >/var/answer\n'
    'db_get asking/why\necho "$RET" >>/var/answer\n',
    "postrm": '[ "$1" != purge ] || . /usr/share/debconf/confmodule\n[ "$1" != purge ] || db_purge\n',
}
ANSWERS = ("asking asking/where string here  and there", "asking asking/why string because")


@pytest.mark.parametrize("system", ["ubuntu18.04", "debian12"])
def test_answers_to_debconf_are_there_before_the_package_asks(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    asking, broken = make_deb(debs, "asking", scripts=ASKING), make_deb(debs, "broken", scripts={"postinst": "exit 1"})
    cache.add("tools", ["asking"], [asking], debconf=ANSWERS)
    cache.add("fails", ["asking", "broken"], [asking, broken], debconf=ANSWERS)
    room = open_room(cache)
    config = "cat /var/cache/debconf/config.dat /var/cache/debconf/templates.dat"
    before = room.sh(config)
    assert room.install("--dry-run", "tools").status == 0
    assert room.install("fails").status == 50
    assert room.sh(config) == before
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert room.sh("cat /var/answer") == "here  and there\nbecause\n"


def test_an_answer_that_the_image_has_stays(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    broken = make_deb(debs, "broken", scripts={"postinst": "exit 1"})
    asking = make_deb(debs, "asking", scripts=ASKING)
    other = ("other other/question string x",)  # of a package that does not come
    cache.add("tools", ["asking"], [asking], debconf=[*ANSWERS, *other])
    cache.add("fails", ["broken"], [broken], debconf=["broken broken/a string x", "broken broken/b string y"])
    room = open_room(cache)
    room.sh("echo 'asking asking/where string the image' | debconf-set-selections")
    room.sh("mv /usr/bin/debconf-set-selections /root")
    done = room.install("tools")
    assert (done.status, done.result["message"]) == (21, "there is no debconf-set-selections here")
    room.sh("mv /root/debconf-set-selections /usr/bin")
    room.sh("echo 'broken broken/a string the image' | debconf-set-selections")
    before = room.sh("cat /var/cache/debconf/config.dat")
    assert room.install("fails").status == 50
    assert room.sh("cat /var/cache/debconf/config.dat") == before
    assert room.install("tools").status == 0
    assert room.sh("cat /var/answer") == "the image\nbecause\n"
    assert "other/question" not in room.sh("cat /var/cache/debconf/config.dat")


def test_a_package_for_all_architectures_that_is_asked_for_by_one(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["wanted:amd64"], [make_deb(debs, "wanted", depends="needed"), make_deb(debs, "needed")])
    room = open_room(cache)
    assert room.install("tools").result["message"] == "2 packages installed"
    assert room.sh("apt-mark showauto needed wanted") == "needed\n"
    assert room.install("tools").result["message"] == "already there"


def test_a_chain_of_pre_dependencies(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    first = make_deb(debs, "pre-c", scripts={"postinst": "touch /var/c-is-configured"})
    scripts = {"preinst": "test -e /var/c-is-configured", "postinst": "touch /var/b"}
    second = make_deb(debs, "pre-b", Pre_Depends="pre-c", scripts=scripts)
    third = make_deb(debs, "pre-a", Pre_Depends="virtual-b | pre-b", scripts={"preinst": "test -e /var/b"})
    above = make_deb(debs, "above", depends="beside, pre-a")
    beside = make_deb(debs, "beside", depends="pre-a")
    cache.add("chain", ["above"], [above, beside, third, second, first])
    room = open_room(cache)
    done = room.install("chain")
    assert (done.status, done.err) == (0, "")
    assert "trying apt-get install" not in done.out  # the order that apt would choose is known
    assert set(room.state("above", "beside", "pre-a", "pre-b", "pre-c").values()) == {"ii 1.0"}
    assert room.sh("apt-mark showmanual above beside pre-a pre-b pre-c") == "above\n"


def test_a_pre_dependency_that_the_cache_does_not_state(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    first = make_deb(debs, "pre-c")
    second = make_deb(debs, "pre-b", Pre_Depends="pre-c")
    third = make_deb(debs, "above", depends="pre-b")
    folder = cache.add("chain", ["above"], [third, second, first])
    facts = (folder / "amd64.group").read_text().replace("pre-dependency pre-c\n", "")
    restate(folder / "amd64.group", facts)
    done = open_room(cache).install("chain")
    assert (done.status, done.err) == (0, "")
    assert "dpkg --install failed; trying apt-get install" in done.out


def test_a_virtual_package_and_an_alternative(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    real = make_deb(debs, "real-one", Provides="virtual-one")
    user = make_deb(debs, "user-one", depends="not-there | virtual-one")
    cache.add("virtual", ["virtual-one", "user-one"], [real, user])
    room = open_room(cache)
    assert room.install("virtual").status == 0
    assert room.state("real-one", "user-one") == {"real-one": "ii 1.0", "user-one": "ii 1.0"}
    again = room.install("virtual")
    assert (again.status, again.result["installed"]) == (0, "0")


def test_recommended_packages_only_where_the_group_takes_them(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    nice = make_deb(debs, "nice")
    plain = make_deb(debs, "plain", Recommends="nice")
    cache.add("without", ["plain"], [plain, nice])
    cache.add("with", ["plain"], [plain, nice], recommends=True)
    assert open_room(cache).install("without").result["installed"] == "1"
    assert open_room(cache).install("with").result["installed"] == "2"


def test_several_groups_in_one_run(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    shared = make_deb(debs, "shared")
    cache.add("one", ["first-one"], [make_deb(debs, "first-one", depends="shared"), shared])
    cache.add("two", ["second-one"], [make_deb(debs, "second-one", depends="shared"), shared])
    room = open_room(cache)
    done = room.install("one", "two", "one")
    assert (done.status, done.result["installed"], done.result["group"]) == (0, "3", "one two")


def test_a_newer_version_stays_and_a_held_package_counts_as_there(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    both = [make_deb(debs, "wanted", "2.0"), make_deb(debs, "other", depends="wanted")]
    cache.add("tools", ["wanted", "other"], both)
    make_deb(debs, "wanted", "3.0")
    room = open_room(cache, binds={"/debs": debs})
    room.sh("dpkg -i /debs/wanted_3.0_all.deb; touch /var/lib/dpkg/available; apt-mark hold wanted")
    done = room.install("tools")
    assert (done.status, done.result["installed"], done.result["already_there"]) == (0, "1", "1")
    assert room.state("wanted", "other") == {"wanted": "hi 3.0", "other": "ii 1.0"}


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix", "busybox sh"])
def test_a_shell(shell: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom, tmp_path: Path) -> None:
    shutil.copy(find_tool("busybox"), tmp_path / "busybox")
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed"), make_deb(debs, "needed")])
    room = open_room(cache, binds={"/usr/bin/busybox": tmp_path / "busybox"})
    assert room.install("nothing", shell=shell.split()).status == 10
    done = room.install("tools", shell=shell.split())
    assert (done.status, done.err, len(done.out.splitlines())) == (0, "", 2)
    assert room.install("tools", shell=shell.split()).out == "package-cache: tools: already there, nothing to do\n"


def test_a_changed_conffile_stays_and_no_question_is_asked(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    old = make_deb(debs, "conf", "1.0", files={"/etc/conf.ini": "old\n"}, conffiles=["/etc/conf.ini"])
    new = make_deb(debs, "conf", "2.0", files={"/etc/conf.ini": "new\n"}, conffiles=["/etc/conf.ini"])
    reads = {"postinst": "read -r answer || touch /var/no-answer"}
    asking = make_deb(debs, "asking", depends="conf (>= 2)", scripts=reads)
    cache.add("conf", ["asking"], [new, asking])
    room = open_room(cache, binds={"/old.deb": old})
    room.sh("dpkg -i /old.deb && echo mine > /etc/conf.ini")
    assert room.install("conf").status == 0
    assert room.sh("cat /etc/conf.ini; ls /var/no-answer") == "mine\n/var/no-answer\n"
    assert room.state("conf", "asking") == {"conf": "ii 2.0", "asking": "ii 1.0"}


@pytest.mark.parametrize("policy", [None, "exit 0", "exit 101"])
def test_no_service_starts_and_the_images_policy_comes_back(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom, policy: str | None
) -> None:
    init = "#!/bin/sh\necho $1 >> /var/started\n"
    post = "update-rc.d daemon defaults >/dev/null 2>&1 || :\ninvoke-rc.d daemon start || :"
    daemon = make_deb(debs, "daemon", files={"/etc/init.d/daemon": init}, scripts={"postinst": post})
    cache.add("daemon", ["daemon"], [daemon])
    room = open_room(cache)
    if policy:
        room.sh(f"printf '#!/bin/sh\\n{policy}\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d")
    look = "ls -l /usr/sbin/policy-rc.d* 2>/dev/null; cat /usr/sbin/policy-rc.d /var/started 2>/dev/null"
    before = room.sh(look, check=False)
    assert room.install("daemon").status == 0
    assert room.sh(look, check=False) == before


def test_the_phases_add_up(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["good"], [make_deb(debs, "good")])
    cache.add("bad", ["good"], [make_deb(debs, "good", depends="nothing-has-this-name")])
    room = open_room(cache)
    expected = {
        "bad": "present index rest total",
        "tools": "present index plan verify begin install check mark rest total",
    }
    for group, phases in expected.items():
        result = room.install(group).result
        found = {key[8:]: float(value) for key, value in result.items() if key.startswith("seconds_")}
        assert list(found) == phases.split()
        assert sum(found.values()) == pytest.approx(2 * found["total"])
