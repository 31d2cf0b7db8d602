"""Groups of small packages with every kind of relation, and what may have happened to a root beforehand."""

from dataclasses import dataclass
from pathlib import Path

from tests.faults.spread import FULL
from tests.installer.synthetic import SyntheticCache, restate
from tests.support.debs import make_deb


@dataclass(frozen=True)
class Pair:
    """A group, and what was done before to the root that shall have it."""

    group: str
    prepare: str = ":"
    """Shell, with packages in /debs."""
    expected: str | int = "hit"
    """`hit`, `already there`, or the status of a miss."""
    system: str = "ubuntu18.04"


def _installed(*names: str) -> str:
    return "; ".join(f"dpkg -i /debs/{name}_all.deb" for name in names)


def _held(name: str, version: str) -> str:
    return f"{_installed(f'{name}_{version}')}; touch /var/lib/dpkg/available; apt-mark hold {name}"


PAIRS: dict[str, Pair] = {
    "nothing of it is there": Pair("plain"),
    "it is there": Pair("plain", _installed("plain_1.0"), "already there"),
    "an older one is there": Pair("versioned", _installed("needed_1.0")),
    "a newer one is there": Pair("versioned", _installed("needed_3.0"), 13),
    "the right one is there": Pair("versioned", _installed("needed_2.0")),
    "an older one is held": Pair("versioned", _held("needed", "1.0"), 13),
    "the right one is held": Pair("versioned", _held("needed", "2.0")),
    "a newer one is there and will do": Pair("loose", _installed("needed_3.0")),
    "an older one is held and will do": Pair("loose", _held("needed", "2.0")),
    "the group itself is held": Pair("plain", _held("plain", "1.0"), "already there"),
    "a newer one of the group itself": Pair("loose", f"{_installed('needed_3.0', 'loose_9.0')}", "already there"),
    "two of three are there": Pair("several", _installed("one_1.0", "two_1.0")),
    "all three are there": Pair("several", _installed("one_1.0", "two_1.0", "three_1.0"), "already there"),
    "only its configuration is left": Pair("plain", f"{_installed('plain_1.0')}; dpkg -r plain"),
    "only a conffile is left": Pair("conf", f"{_installed('conf_1.0')}; dpkg -r conf"),
    "somebody wants it removed": Pair(
        "plain",
        f"{_installed('plain_1.0')}; touch /var/lib/dpkg/available; echo plain deinstall | dpkg --set-selections",
        13,
    ),
    "an enemy is there": Pair("fighter", _installed("enemy_1.0"), 13),
    "no enemy is there": Pair("fighter"),
    "an older enemy is there": Pair("breaker", _installed("needed_1.0"), 13),
    "it conflicts with what is essential": Pair("vandal", ":", 13),
    "a chain of pre-dependencies": Pair("chain"),
    "the end of a chain is there": Pair("chain", _installed("pre-c_1.0")),
    "a virtual package": Pair("virtual"),
    "a virtual package that another one provides": Pair("virtual", _installed("other-one_1.0"), 13),
    "its provider is there": Pair("virtual", _installed("real-one_1.0", "user-one_1.0"), "already there"),
    "recommended packages come, too": Pair("generous"),
    "an exact version": Pair("exact"),
    "an exact version, an older one is there": Pair("exact", _installed("needed_1.0")),
    "an exact version, a newer one is there": Pair("exact", _installed("needed_3.0"), 13),
    "what nobody has": Pair("impossible", ":", 13),
    "deep down, what nobody has": Pair("deep", ":", 13),
    "another architecture that dpkg takes": Pair("foreign", "dpkg --add-architecture i386"),
    "another architecture that dpkg does not take": Pair("foreign", ":", 13),
    "it is unpacked only": Pair("plain", "dpkg --unpack /debs/plain_1.0_all.deb", 22),
    "another one is unpacked only": Pair("plain", "dpkg --unpack /debs/one_1.0_all.deb", 22),
    "another one's script failed": Pair("plain", "dpkg -i /debs/failing_1.0_all.deb || :", 22),
    "another one lacks what it needs": Pair("plain", "dpkg --force-depends -i /debs/unmet_1.0_all.deb", 22),
    "another one must be installed again": Pair(
        "plain",
        f"{_installed('one_1.0')}; "
        "sed -i '/^Package: one$/,/^$/ s/^Status: .*/Status: install reinstreq half-installed/' /var/lib/dpkg/status",
        22,
    ),
    "dpkg was broken off": Pair(
        "plain", "grep -A9 '^Package: bash$' /var/lib/dpkg/status >/var/lib/dpkg/updates/0001", 22
    ),
    "dpkg was broken off, but it is there": Pair(
        "plain",
        f"{_installed('plain_1.0')}; cd /var/lib/dpkg; sed -n '/^Package: plain$/,/^$/p' status >updates/0001",
        "already there",
    ),
    "the journal says that it is there no longer": Pair(
        "plain",
        f"{_installed('plain_1.0')}; sed -n '/^Package: plain$/,/^$/p' /var/lib/dpkg/status |"
        " sed 's/ok installed/ok half-configured/' >/var/lib/dpkg/updates/0001",
        22,
    ),
    "another one of the same source is older": Pair("sourced", _installed("beside_1.0")),
    "another one of the same source is older, Debian 12": Pair("sourced", _installed("beside_1.0"), system="debian12"),
    "a newer one is there, and an image has that": Pair("skewed", _installed("needed_3.0")),
    "an older one is held, and an image has that": Pair("skewed", _held("needed", "1.0")),
    "none of the images has that": Pair("skewed", _held("needed", "1.5"), 13),
    "no image is needed": Pair("skewed"),
    "what an image needs is there": Pair("skewed", _installed("needed_3.0", "skewed_3.0"), "already there"),
    "what an image needs, Ubuntu 16.04": Pair("skewed", _installed("needed_3.0"), system="ubuntu16.04"),
    "what an image needs, Debian 12": Pair("skewed", _held("needed", "1.0"), system="debian12"),
    "a package file for an image was altered": Pair("half-altered", _installed("needed_3.0"), 31),
    "a package file for another image was altered": Pair("half-altered"),
    "an index for an image was altered": Pair("other-index", ":", 31),
    "an index for an image is missing": Pair("no-index", ":", 31),
    "an image without a name": Pair("no-name", ":", 31),
    "no such group": Pair("nothing", ":", 10),
    "of another system": Pair("elsewhere", ":", 11),
    "of another architecture": Pair("arm", ":", 12),
    "an unknown system": Pair("plain", "rm /etc/os-release; echo ID= >/etc/os-release", 11),
    "os-release where systems have it": Pair("plain", "rm /etc/os-release"),
    "no apt-get": Pair("plain", "rm /usr/bin/apt-get", 21),
    "no apt-get, but it is there": Pair("plain", f"{_installed('plain_1.0')}; rm /usr/bin/apt-get", "already there"),
    "no dpkg": Pair("plain", "rm /usr/bin/dpkg", 21),
    "a file that it must have": Pair("filed", _installed("filed_1.0"), "already there"),
    "a file that it must have is gone": Pair("filed", f"{_installed('filed_1.0')}; rm /usr/bin/filed", 13),
    "a package file was altered": Pair("altered", ":", 31),
    "a package file was altered that is not needed": Pair("altered", _installed("altered_1.0"), "already there"),
    "a newer format": Pair("newer", ":", 32),
    "a group file was cut short": Pair("cut", ":", 31),
    "Ubuntu 16.04": Pair("versioned", _installed("needed_1.0"), system="ubuntu16.04"),
    "Ubuntu 16.04, held": Pair("versioned", _held("needed", "1.0"), 13, "ubuntu16.04"),
    "Ubuntu 16.04, unpacked only": Pair("plain", "dpkg --unpack /debs/one_1.0_all.deb", 22, "ubuntu16.04"),
    "Debian 12": Pair("chain", system="debian12"),
    "Debian 12, an enemy": Pair("fighter", _installed("enemy_1.0"), 13, "debian12"),
}

COMBINED = (
    "the packages here and those of the cache cannot be combined",
    "lock for this image as well (lock --for), or use the fallback of this image",
)
BROKEN = ("packages are half installed here", "run dpkg --configure -a, then apt-get -f install")
NOTHING = "apt finds nothing to install, but"
REBUILD = "rebuild the cache, or use the fallback of this image"
FOREIGN = (
    "dpkg accepts no i386 packages here, such as foreign",
    "run dpkg --add-architecture i386 when the image is made",
)
NO_CANDIDATE = "apt says: Package 'virtual-one' has no installation candidate"
LACKS = "unmet is here without what it needs: nowhere-to-be-had, it is not here"
JOURNAL = "a run of dpkg was interrupted: its journal, /var/lib/dpkg/updates, is not empty"
MISSES: dict[str, tuple[str, str, str]] = {
    "a newer one is there": ("versioned needs needed (= 2.0): 3.0 is here", *COMBINED),
    "an older one is held": ("versioned needs needed (= 2.0): 1.0 is here, and held", *COMBINED),
    "somebody wants it removed": ("", f"{NOTHING} dpkg does not have installed: plain", REBUILD),
    "an enemy is there": ("fighter conflicts with enemy: 1.0 is here", *COMBINED),
    "an older enemy is there": ("breaker breaks needed (< 2.0): 1.0 is here", *COMBINED),
    "it conflicts with what is essential": ("vandal conflicts with bash: VERSION is here", *COMBINED),
    "a virtual package that another one provides": (NO_CANDIDATE, *COMBINED),
    "what nobody has": ("impossible needs libc6 (>= 99): VERSION is here", *COMBINED),
    "deep down, what nobody has": ("bottom needs libc6 (>= 99): VERSION is here", *COMBINED),
    "another architecture that dpkg does not take": ("", *FOREIGN),
    "a file that it must have is gone": ("", f"{NOTHING} the file /usr/bin/filed is not there", REBUILD),
    "it is unpacked only": ("plain 1.0 is unpacked", *BROKEN),
    "another one's script failed": ("failing 1.0 is half-configured", *BROKEN),
    "another one lacks what it needs": (LACKS, *BROKEN),
    "another one must be installed again": ("one 1.0 is half-installed", *BROKEN),
    "dpkg was broken off": (JOURNAL, *BROKEN),
}
"""What is said of these rows: the reason behind the cause, if there is one, the cause, and the next step."""

if FULL:  # roots that nothing else needs take minutes to make
    PAIRS |= {
        "Debian 13, held": Pair("versioned", _held("needed", "1.0"), 13, "debian13"),
        "Ubuntu 26.04, of the same source": Pair("sourced", _installed("beside_1.0"), system="ubuntu26.04"),
        "Ubuntu 26.04, deep down": Pair("deep", ":", 13, "ubuntu26.04"),
    }


def make_cache(folder: Path, debs: Path, system: str) -> SyntheticCache:
    """Make the cache of all these groups, and the packages that rows install beforehand."""
    cache = SyntheticCache(folder, system)

    def deb(name: str, version: str = "1.0", **more: str) -> Path:
        return make_deb(debs, name, version, **more)  # type: ignore[arg-type]

    needed = [deb("needed", version) for version in ("1.0", "2.0", "3.0")][1]
    for name in ("enemy", "other-one"):
        deb(name, **({"Provides": "virtual-one"} if name == "other-one" else {}))
    deb("loose", "9.0", depends="needed (>= 2.0)")
    deb("unmet", depends="nowhere-to-be-had")
    make_deb(debs, "failing", scripts={"postinst": "exit 1"})
    cache.add("plain", ["plain"], [deb("plain")])
    cache.add("versioned", ["versioned"], [deb("versioned", depends="needed (= 2.0)"), needed])
    cache.add("loose", ["loose"], [deb("loose", depends="needed (>= 2.0)"), needed])
    cache.add("several", ["one", "two", "three"], [deb("one"), deb("two", depends="one"), deb("three", depends="one")])
    conf = make_deb(debs, "conf", files={"/etc/conf.ini": "x\n"}, conffiles=["/etc/conf.ini"])
    cache.add("conf", ["conf"], [conf])
    cache.add("fighter", ["fighter"], [deb("fighter", Conflicts="enemy")])
    cache.add("breaker", ["breaker"], [deb("breaker", Breaks="needed (<< 2.0)")])
    cache.add("vandal", ["vandal"], [deb("vandal", Conflicts="bash")])
    chain = [deb("above", depends="pre-a"), deb("pre-a", Pre_Depends="pre-b"), deb("pre-b", Pre_Depends="pre-c")]
    cache.add("chain", ["above"], [*chain, deb("pre-c")])
    virtual = [deb("real-one", Provides="virtual-one"), deb("user-one", depends="not-there | virtual-one")]
    cache.add("virtual", ["virtual-one", "user-one"], virtual)
    cache.add("generous", ["generous"], [deb("generous", Recommends="needed"), needed], recommends=True)
    cache.add("exact", ["needed=2.0"], [needed])
    cache.add("impossible", ["impossible"], [deb("impossible", depends="libc6 (>= 99)")])
    deep = [deb("deep", depends="middle"), deb("middle", depends="bottom"), deb("bottom", depends="libc6 (>= 99)")]
    cache.add("deep", ["deep"], deep)
    cache.add("foreign", ["foreign:i386"], [make_deb(debs, "foreign", architecture="i386")])
    cache.add("elsewhere", ["plain"], [deb("plain")], system="debian11")
    cache.add("arm", ["arm"], [make_deb(debs, "arm", architecture="arm64")], architecture="arm64")
    filed = make_deb(debs, "filed", files={"/usr/bin/filed": "#!/bin/sh\n"})
    cache.add("filed", ["filed"], [filed], provides=["/usr/bin/filed"])
    deb("beside", "1.0", Source="both")
    cache.add("sourced", ["sourced"], [deb("sourced", "2.0", Source="both"), deb("beside", "2.0", Source="both")])
    altered = deb("altered")
    cache.add("altered", ["altered"], [altered])
    cache.pool_file(altered).write_bytes(b"x" * altered.stat().st_size)
    _add_skewed(cache, debs, needed)
    newer = cache.add("newer", ["plain"], [deb("plain")]) / "amd64.group"
    restate(newer, newer.read_text().replace("format 1", "format 2"))
    cut = cache.add("cut", ["plain"], [deb("plain")]) / "amd64.group"
    restate(cut, cut.read_text().removesuffix("end\n"))
    return cache


def _add_skewed(cache: SyntheticCache, debs: Path, needed: Path) -> None:
    """Add groups that have something for images with other versions of `needed`, and some that were altered there."""
    make_deb(debs, "needed", "1.5")

    def pair(name: str, version: str) -> Path:
        return make_deb(debs, name, version, depends=f"needed (= {version})")

    sets = {"before": [pair("skewed", "1.0")], "after": [pair("skewed", "3.0")]}
    own = [pair("skewed", "2.0"), needed]
    cache.add("skewed", ["skewed"], own, images=sets)
    index = cache.add("other-index", ["skewed"], own, images=sets) / "Packages.amd64.after"
    index.write_text(index.read_text() + "\n")
    (cache.add("no-index", ["skewed"], own, images=sets) / "Packages.amd64.after").unlink()
    file = cache.add("no-name", ["skewed"], own, images=sets) / "amd64.group"
    restate(file, file.read_text().replace("image after", "image ../after"))
    later = pair("half-altered", "3.0")
    cache.add("half-altered", ["half-altered"], [pair("half-altered", "2.0"), needed], images={"after": [later]})
    cache.pool_file(later).write_bytes(b"x" * later.stat().st_size)
