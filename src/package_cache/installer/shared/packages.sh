# Packages, as dpkg's database has them.
DPKG=/usr/bin/dpkg # with its path, for a busybox sh may take its own dpkg for it
DPKG_QUERY=/usr/bin/dpkg-query
# shellcheck disable=SC2016  # what dpkg-query expands, not we
PACKAGE_LINE='${Package}/${Architecture}/${Version}/${db:Status-Abbrev}\n' PROVIDES_LINE='${Package} ${Version}/${db:Status-Abbrev}, ${Provides},\n'

# query FORMAT: print dpkg's database, in a subshell.
query() { exec "${DPKG_QUERY}" --admindir="${DPKG_STATE}" -W -f "$1"; }

# select_packages NAME...: set `known` to the lines of `database` about them. Foreign ones are NAME:ARCHITECTURE everywhere.
select_packages() {
    local each='' names=" $* "
    known=
    for each in ${database}; do case ${names} in *" ${each%%/*} "* | *" ${each%%/*}:"* | *" ${each%%/*}="*) known="${known} ${each}" ;; *) ;; esac; done
}

# find_package NAME: set `version` and `state` to what `known` says, or to nothing and `un`; and `exact`, with architecture.
find_package() {
    local each='' arch="${architecture} all"
    case $1 in *:*) arch=${1#*:} ;; *) ;; esac
    version='' state='un' exact=''
    for each in ${known}; do
        [ "${each%%/*}" = "${1%%:*}" ] || continue
        each=${each#*/}
        case " ${arch} " in *" ${each%%/*} "*) ;; *) continue ;; esac
        exact=${1%%:*}:${each%%/*} state=${each##*/}
        version=${each#*/} version=${version%/*}
    done
}

# is_installed REQUEST: by `known`, and configured; holding it does not change that.
is_installed() {
    # shellcheck disable=SC2034  # what find_package sets, and not every program reads
    local version='' state='' exact='' name="${1%%=*}"
    find_package "${name%:"${architecture}"}"
    case ${state} in [ih]i) ;; *) return 1 ;; esac
    case $1 in *=*) [ "${1#*=}" = "${version}" ] || [ "${1#*=}" = "0:${version}" ] ;; *) ;; esac
}

# find_provider NAME: set `provider` to the installed package and version that provides a virtual one. Status 1: none.
find_provider() {
    local wanted="$1"
    provider=
    case $1 in *[=:]*) return 1 ;; *) ;; esac
    for_lines match_provider "$(query "${PROVIDES_LINE}" 2>/dev/null)"
    [ -n "${provider}" ]
}
match_provider() { case $1 in */[ih]i*", ${wanted},"* | */[ih]i*", ${wanted} ("*) provider=${1%%/*} ;; *) ;; esac; }
