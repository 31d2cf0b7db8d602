"""Packages of every kind come in by one run, whatever their names, scripts and relations."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache, restate
from tests.support.debs import make_deb


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
    second = make_deb(
        debs,
        "pre-b",
        Pre_Depends="pre-c",
        scripts={"preinst": "test -e /var/c-is-configured", "postinst": "touch /var/b"},
    )
    third = make_deb(debs, "pre-a", Pre_Depends="virtual-b | pre-b", scripts={"preinst": "test -e /var/b"})
    above = make_deb(debs, "above", depends="beside, pre-a")
    beside = make_deb(debs, "beside", depends="pre-a")
    cache.add("chain", ["above"], [above, beside, third, second, first])
    room = open_room(cache)
    done = room.install("chain")
    assert (done.status, done.err) == (0, "")
    assert "apt's way" not in done.out  # dpkg in one run refuses it; what apt would configure first is known
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
    assert "dpkg alone did not do it; trying apt's way" in done.out


def test_a_changed_conffile_stays_and_no_question_is_asked(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    old = make_deb(debs, "conf", "1.0", files={"/etc/conf.ini": "old\n"}, conffiles=["/etc/conf.ini"])
    new = make_deb(debs, "conf", "2.0", files={"/etc/conf.ini": "new\n"}, conffiles=["/etc/conf.ini"])
    asking = make_deb(
        debs, "asking", depends="conf (>= 2)", scripts={"postinst": "read -r answer || touch /var/no-answer"}
    )
    cache.add("conf", ["asking"], [new, asking])
    room = open_room(cache, binds={"/old.deb": old})
    room.sh("dpkg -i /old.deb && echo mine > /etc/conf.ini")
    assert room.install("conf").status == 0
    assert room.sh("cat /etc/conf.ini; ls /var/no-answer") == "mine\n/var/no-answer\n"
    assert room.state("conf", "asking") == {"conf": "ii 2.0", "asking": "ii 1.0"}


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
    before = room.sh("ls -l /usr/sbin/policy-rc.d* 2>/dev/null; cat /usr/sbin/policy-rc.d 2>/dev/null", check=False)
    assert room.install("daemon").status == 0
    assert room.sh("cat /var/started 2>/dev/null", check=False) == ""
    after = room.sh("ls -l /usr/sbin/policy-rc.d* 2>/dev/null; cat /usr/sbin/policy-rc.d 2>/dev/null", check=False)
    assert after == before
