# The container: its OS release, its architecture, and what dpkg's database says of packages.
APT_MARKS=/var/lib/apt/extended_states # which packages are dependencies only
OS_RELEASE=/etc/os-release

# need_tools NAME...: programs of the container. 21
need_tools() {
    local tool='' folder=''
    for tool in "$@"; do
        for folder in /usr/sbin /usr/bin /sbin /bin; do [ ! -x "${root}${folder}/${tool}" ] || continue 2; done
        [ "${tool#dpkg}" = "${tool}" ] || miss no-dpkg "there is no dpkg here: this is not an image of the Debian family" "use the fallback of this image"
        miss no-dpkg "there is no ${tool} here" "use the fallback of this image"
    done
}

# read_system: set `system` to ID with VERSION_ID of os-release(5), which is read, never run. 11
# Sets `derived` and `remedy`: a derivative has other packages and processors, and never counts as what it is derived from.
read_system() {
    local line='' value='' id='' version='' like=''
    [ -f "${OS_RELEASE}" ] || OS_RELEASE=${root}/usr/lib/os-release
    [ -f "${OS_RELEASE}" ] && [ -r "${OS_RELEASE}" ] || no_system "it is not there"
    while read -r line || [ -n "${line}" ]; do
        value=${line#*=}
        value=${value%[[:cntrl:]]} # a line end of DOS
        case ${value} in \"*\" | \'*\') value=${value#?} value=${value%?} ;; *) ;; esac
        case ${line} in ID=*) id=${value} ;; VERSION_ID=*) version=${value} ;; ID_LIKE=*) like=${value} ;; *) ;; esac
    done <"${OS_RELEASE}"
    case ${id}=${version} in
        =*) no_system "it has no ID" ;;
        *[!a-z0-9._]*=*) no_system "its ID has characters other than a-z 0-9 . _" ;;
        *=) no_system "it has no VERSION_ID, as where a release is still being made (testing, unstable)" ;;
        *=*[!a-z0-9._]*) no_system "its VERSION_ID has characters other than a-z 0-9 . _" ;;
        *) system=${id}${version} ;;
    esac
    remedy='use the fallback of this image'
    case ${id}:${like} in
        debian:* | ubuntu:*) remedy="add ${system} to the group in the manifest and build again" ;;
        *: | *:*[!a-z0-9._\ -]*) ;;
        *) derived=", a derivative (ID_LIKE=${like}) with packages of its own" ;;
    esac
}
no_system() { miss not-for-system "${OS_RELEASE#"${root}"} does not say which OS release this is: $1" "use the fallback of this image"; } # 11

# read_architecture: set `architecture` to dpkg's own, and `foreign` to the others that it accepts. 2 22
read_architecture() {
    local each=''
    if [ -z "${root}" ]; then
        # Its configuration is read with that: dpkg.cfg(5).
        architecture=$("${DPKG}" --print-architecture 2>/dev/null) || dpkg_refuses 'dpkg does not work here' "${DPKG}" --print-architecture
    else
        read_database
        architecture=${given_architecture}
        for each in ${database}; do case ${each} in dpkg/*/[ih]i) each=${each#*/} architecture=${each%%/*} ;; *) ;; esac; done
        case ${architecture} in '' | *[!a-z0-9-]*) misuse "the root ${root} has no package dpkg: name it with --architecture" ;; *) ;; esac
        [ "${architecture}" = "${given_architecture:-${architecture}}" ] || misuse "the dpkg of ${root} is for ${architecture}, not for ${given_architecture}"
    fi
    [ -f "${DPKG_STATE}/arch" ] && [ -r "${DPKG_STATE}/arch" ] || return 0
    while read -r each || [ -n "${each}" ]; do
        case ${each} in '' | "${architecture}" | *[!a-z0-9-]*) ;; *) foreign="${foreign} ${each}" ;; esac
    done <"${DPKG_STATE}/arch"
}

# read_database: set `database` to lines NAME/ARCHITECTURE/VERSION/STATE (dpkg-query(1), db:Status-Abbrev). 22
read_database() {
    database=$(query "${PACKAGE_LINE}" 2>/dev/null)
    [ $? -lt 2 ] || dpkg_refuses 'dpkg cannot read its database' query "${PACKAGE_LINE}"
}

# dpkg_refuses SENTENCE COMMAND...: exit with what the command says on standard error, on one line. 22
dpkg_refuses() {
    said=$(shift && "$@" 2>&1 >/dev/null) said=${said##*: error: }
    set -- "$1:" ${said##* aborting:}
    miss dpkg-broken "$*" "repair what dpkg reports"
}

# in_state PATTERN NAME...: set `found` to the packages in a state, and `exactly` to their names with architectures.
in_state() {
    local pattern="$1" name='' version='' state='' exact=''
    shift
    select_packages "$@"
    found='' exactly=''
    for name in "$@"; do
        find_package "${name}"
        # shellcheck disable=SC2254  # the state is a pattern on purpose
        case ${state} in ${pattern}) found="${found} ${name}" exactly="${exactly} ${exact}" ;; *) ;; esac
    done
}

# is_half_done: packages are half installed (dpkg(1), package states), or a run of dpkg left a journal.
is_half_done() { case ${database} in */[uihrp][HUF]* | */[uihrp][a-zA-Z]R*) ;; *) has_updates ;; esac; }

# has_updates: a run of dpkg was broken off: it left a journal.
has_updates() (set +f && set -- "${DPKG_STATE}/updates"/[0-9]* && [ -e "$1" ])

# look: set `missing` to requests that dpkg does not have installed, `absent` to a provided file. Status 0: neither is.
look() {
    local request=''
    read_database
    select_packages ${requests}
    missing='' absent=''
    for request in ${requests}; do is_installed "${request}" || missing=${missing:+${missing} }${request}; done
    for_lines look_for_file "${provides}"
    [ -z "${missing}${absent}" ]
}
look_for_file() { [ -e "${root}$1" ] || absent=$1; }

# check_all: look again, at everything. Status 0: all requests are met; else `wrong` says what is not.
check_all() {
    local request='' lacking=''
    look && return
    for request in ${missing}; do find_provider "${request}" || lacking="${lacking} ${request}"; done
    wrong=${absent:+the file ${absent} is not there}
    [ -z "${lacking}" ] || wrong="dpkg does not have installed:${lacking}"
    [ -z "${wrong}" ]
}
