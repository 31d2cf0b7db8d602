"""The names of packages that images usually have: from the distribution's own data, and from images of wide use."""

import itertools
from collections.abc import Iterable

from package_cache.apt.records import Place, Records
from package_cache.resolve.companions import Images

STANDARD = ("required", "important", "standard")
"""The priorities of what an ordinary system has (Debian Policy 2.5)."""

METAPACKAGES = ("ubuntu-minimal", "ubuntu-standard")

BUILDING = (
    "autoconf", "automake", "build-essential", "bzip2", "ca-certificates", "cmake", "curl",
    "default-libmysqlclient-dev", "dirmngr", "dpkg-dev", "file", "g++", "gcc", "git", "gnupg", "imagemagick",
    "libbz2-dev", "libc6-dev", "libcurl4-openssl-dev", "libdb-dev", "libevent-dev", "libffi-dev", "libgdbm-dev",
    "libglib2.0-dev", "libgmp-dev", "libjpeg-dev", "libkrb5-dev", "liblzma-dev", "libmagickcore-dev",
    "libmagickwand-dev", "libmaxminddb-dev", "libncurses-dev", "libncurses5-dev", "libncursesw5-dev", "libpng-dev",
    "libpq-dev", "libreadline-dev", "libsqlite3-dev", "libssl-dev", "libtool", "libwebp-dev", "libxml2-dev",
    "libxslt1-dev", "libyaml-dev", "make", "mercurial", "netbase", "openssh-client", "patch", "pkg-config", "procps",
    "subversion", "unzip", "wget", "xz-utils", "zlib1g-dev",
)  # fmt: skip
"""What the images have that others are built in: languages from source, their modules, version control."""

COMPUTING = (
    "gnupg2", "htop", "ibverbs-providers", "less", "libgomp1", "libibverbs-dev", "libnuma-dev",
    "librdmacm-dev", "locales", "ninja-build", "rsync", "sudo", "tmux", "vim",
)  # fmt: skip
"""Further packages of images for computing on accelerators."""

PYTHON = ("python3", "python3-dev", "python3-distutils", "python3-pip", "python3-venv")

MULTILIB = ("g++-multilib", "gcc-multilib", "lib32gcc-s1", "lib32gcc1", "lib32stdc++6", "libc6-dev-i386", "libc6-i386")
"""What amd64 images have that build or run programs of i386."""

FOREIGN = ("libc6", "libgcc-s1", "libgcc1", "libstdc++6", "libtinfo5", "libtinfo6", "zlib1g")
"""What images have of another architecture: what most of its programs need."""


def images_of(records: Records, taken: Iterable[Place], foreign: Iterable[str] = ()) -> Images:
    """Return what images of a system may have; what its groups take (`taken`) costs no bytes."""
    more = MULTILIB if "i386" in foreign else ()
    names = {*records.with_priorities(STANDARD), *METAPACKAGES, *BUILDING, *COMPUTING, *PYTHON, *more}
    usual = [records.closure(names, records.native), *(records.closure(FOREIGN, name) for name in foreign)]
    base = records.closure({*records.with_priorities(STANDARD[:1]), "apt"}, records.native)
    return Images({*taken, *itertools.chain(*usual)}, base, tuple(foreign))
