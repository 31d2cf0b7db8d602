"""What is asked for, and what its packages do; the command alone, in three shells, and behind a cache that misses."""

import time
from pathlib import Path

import pytest
from tests.plugin.online.conftest import OpenImage
from tests.plugin.online.image import SHELLS, Image, archive
from tests.support.debs import make_deb

from package_cache import try_to_install_by_cache
from package_cache.exit_codes import ExitStatus
from package_cache.installer import HERE

pytestmark = pytest.mark.system

each_shell = pytest.mark.parametrize("shell", SHELLS)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with packages of every kind."""
    tmp_path = tmp_path_factory.mktemp("archive")
    debs = [
        make_deb(
            tmp_path, "tool", depends="needed", Recommends="nice", files={"/etc/tool": "new\n"}, conffiles=["/etc/tool"]
        ),
        make_deb(tmp_path, "tool", "0.9", depends="needed", files={"/etc/tool": "old\n"}, conffiles=["/etc/tool"]),
        make_deb(tmp_path, "needed"),
        make_deb(tmp_path, "nice"),
        make_deb(tmp_path, "python3x13"),
        make_deb(tmp_path, "provider", Provides="virtual"),
        make_deb(tmp_path, "perly", scripts={"postinst": "perl -e 1"}),
        make_deb(tmp_path, "failing", scripts={"postinst": "echo it is mine >&2; exit 7"}),
        make_deb(tmp_path, "enemy", Conflicts="tool"),
        make_deb(tmp_path, "unmet", depends="nothing-has-this-name"),
    ]
    made = archive(tmp_path / "good", *debs)
    made.publish()
    return made.folder


@pytest.fixture
def image(open_image: OpenImage, good: Path) -> Image:
    image = open_image("ubuntu18.04", good=good)
    image.add_source("/good")
    return image


@each_shell
def test_a_shell(shell: str, image: Image) -> None:
    done = image.run("tool", shell=SHELLS[shell])
    assert (done.returncode, image.room.state("tool")) == (0, {"tool": "ii 1.0"}), done.stderr
    assert image.room.state("nice").get("nice", "un ") == "un "


@each_shell
def test_a_package_that_no_source_has(shell: str, image: Image) -> None:
    done = image.run("tool", "nosuch", shell=SHELLS[shell])
    assert (done.returncode, image.room.state("tool")) == (ExitStatus.INSTALL_FAILED.code, {})
    assert done.stderr.splitlines()[:2] == ["package-cache: apt's messages:", "E: Unable to locate package nosuch"]
    assert "package-cache: cannot install tool nosuch online: dpkg does not have them installed" in done.stderr
    assert "trying again" not in done.stdout


@each_shell
def test_the_fallback_of_a_group_that_the_cache_lacks(
    shell: str, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKAGE_CACHE_DIR", str(tmp_path / "no cache"))
    monkeypatch.setenv("PAI_WORK_DIR", str(tmp_path / "work"))
    command = try_to_install_by_cache("tools", [image.command(["tool"]), "echo then", image.command(["nosuch"])])
    script = f"set -e\nif {command}; then echo served; else echo status $?; fi"
    done = image.room.container.run([*SHELLS[shell], "-c", script], check=False, timeout=90)
    assert done.stdout.splitlines()[-4:][:1] + done.stdout.splitlines()[-1:] == ["then", "status 50"]
    assert image.room.state("tool") == {"tool": "ii 1.0"}


def test_recommends(image: Image) -> None:
    assert image.run("tool", recommends=True).returncode == 0
    assert image.room.state("tool", "nice") == {"tool": "ii 1.0", "nice": "ii 1.0"}


def test_a_version(image: Image) -> None:
    assert image.run("tool=0.9").returncode == 0
    image.room.sh("echo mine >/etc/tool")
    assert image.run("tool=1.0").returncode == 0
    assert (image.room.state("tool"), image.room.sh("cat /etc/tool")) == ({"tool": "ii 1.0"}, "mine\n")
    older = image.run("tool=0.9")
    assert (older.returncode, image.room.state("tool")) == (50, {"tool": "ii 1.0"})
    assert "E: Packages were downgraded and -y was used without --allow-downgrades." in older.stderr


def test_a_held_package_stays(image: Image) -> None:
    allow = """APT::Get::allow-change-held-packages "true"; APT::Get::allow-downgrades "true";"""
    image.room.sh(f"echo '{allow}' >/etc/apt/apt.conf.d/99loose")
    assert image.run("tool=0.9").returncode == 0
    image.room.sh("touch /var/lib/dpkg/available; apt-mark hold tool")
    done = image.run("tool=1.0")
    assert (done.returncode, image.room.state("tool")) == (50, {"tool": "hi 0.9"})
    assert "E: Held packages were changed and -y was used without --allow-change-held-packages." in done.stderr


def test_a_virtual_package(image: Image) -> None:
    assert image.run("virtual").returncode == 0
    assert image.room.state("provider") == {"provider": "ii 1.0"}


def test_a_name_with_a_dot_is_no_regular_expression(image: Image) -> None:
    done = image.run("python3.13")
    assert (done.returncode, image.room.state("python3x13")) == (50, {})
    assert "E: Unable to locate package python3.13" in done.stderr.splitlines()


def test_a_package_whose_script_fails(image: Image) -> None:
    done = image.run("failing", "tool")
    assert done.returncode == 50
    assert "it is mine" in done.stderr.splitlines()
    assert "E: Sub-process /usr/bin/dpkg returned an error code (1)" in done.stderr.splitlines()
    assert "package-cache: cannot install failing online: dpkg does not have them installed" in done.stderr.splitlines()
    assert "trying again" not in done.stdout


def test_nothing_is_removed(image: Image) -> None:
    assert image.run("tool").returncode == 0
    done = image.run("enemy")
    assert (done.returncode, image.room.state("tool", "enemy")) == (50, {"tool": "ii 1.0"})
    assert "E: Packages need to be removed but remove is disabled." in done.stderr.splitlines()


def test_dependencies_that_cannot_be_met_are_shown(image: Image) -> None:
    done = image.run("unmet")
    assert done.returncode == 50
    assert " unmet : Depends: nothing-has-this-name but it is not installable" in done.stderr.splitlines()


def test_not_root_and_no_apt(image: Image) -> None:
    as_nobody = ["chroot", "--userspec=65534:65534", "/", "sh", "-c", image.command(["tool"])]
    refused = image.room.container.run(as_nobody, timeout=60, check=False)
    assert refused.returncode == ExitStatus.NOT_ROOT.code
    assert refused.stderr.splitlines()[0] == "package-cache: cannot install tool online: this is not root"
    image.room.sh("rm /usr/bin/apt-get")
    assert image.run("tool").returncode == ExitStatus.NO_DPKG.code


@each_shell
def test_without_timeout(shell: str, image: Image) -> None:
    image.room.sh("rm /usr/bin/timeout")
    assert image.run("tool", shell=SHELLS[shell]).returncode == 0


@pytest.mark.parametrize("identity", ["999999-1", "1-1"])
def test_leftovers_of_a_killed_run_are_removed(identity: str, image: Image) -> None:
    """Process 1 is there, but did not start then."""
    image.room.sh(f"mkdir -p /var/lib/apt/package-cache-online.{identity}/lists")
    assert image.run("tool").returncode == 0
    assert image.leftovers() == ""


def test_the_folder_of_a_run_that_is_alive_stays(image: Image) -> None:
    identify = (HERE / "shared" / "processes.sh").read_text() + 'identify $$; mkdir "$1.$identity"; exec sleep 60'
    prefix = "/var/lib/apt/package-cache-online"
    image.room.start(["sh", "-fuc", identify, "sh", prefix])
    while not image.leftovers():
        time.sleep(0.05)
    assert image.run("tool").returncode == 0
    assert image.leftovers().startswith(f"{prefix}.")


def test_the_images_environment_leads_nothing_astray(image: Image) -> None:
    """Its apt configuration is honoured; what breaks perl, in which debconf is written, is not handed down."""
    image.room.sh("echo 'DPkg::Pre-Invoke {\"touch /root/hooked\";};' >/root/apt.conf")
    env = {"APT_CONFIG": "/root/apt.conf", "PERL5OPT": "-MNoSuchModule", "DPKG_ADMINDIR": "/nowhere", "IFS": "-"}
    done = image.room.container.run(["sh", "-c", image.command(["perly"])], env=env, timeout=90, check=False)
    assert (done.returncode, done.stderr, image.room.state("perly")) == (0, "", {"perly": "ii 1.0"})
    assert image.room.sh("ls /root/hooked") == "/root/hooked\n"


def test_a_reader_that_is_gone_does_not_stop_it(image: Image) -> None:
    image.room.sh(f"{{ {image.command(['tool'])}; echo $? >/root/status; }} | :")
    assert (image.room.sh("cat /root/status"), image.room.state("tool")) == ("0\n", {"tool": "ii 1.0"})
