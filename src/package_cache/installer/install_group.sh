#!/bin/sh
# Install groups of packages from a Package Cache, offline, in the container in which this runs.
#
#   sh install_group.sh [--cache DIR] [--result FILE] [--lock-timeout SECONDS] [--install-timeout SECONDS] [--verbose]
#                       [--] GROUP...
#
# Exit 0: every package of the groups is installed and configured here, checked against dpkg's own database.
# Any other status: not installed; the table is in status_of. What is promised stands in docs/installer.md.
#
# Needs sh, dpkg, apt-get and coreutils (or busybox for the latter), nothing else. Variables are global, for POSIX
# sh has no others; those of one function only begin with "_".

# shellcheck disable=SC2086  # lists of names are split into words on purpose; check_name and apt vouch for their signs
# shellcheck disable=SC2310  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2312  # as above
# shellcheck disable=SC2317  # shellcheck 0.9 does not see what traps call
set +e -fu # whatever options a caller's `sh -e` brings
# shellcheck disable=SC2046,SC3044  # names, and what a bash knows: it takes functions from the environment, also where it is called sh
[ -z "${BASH_VERSION-}" ] || unset -f $(compgen -A function)

# ---- values ----

FORMAT=1                                 # of the cache: cache/layout.py
LOCK_TIMEOUT=120                         # seconds
INSTALL_TIMEOUT=1800                     # seconds until a dpkg run that hangs is ended
KILL_AFTER=10                            # seconds until what does not end is killed
LOG_LINES=40                             # how much of dpkg's output is shown where it failed
SPARE_KIB=12288                          # what must be free beside the packages: for dpkg itself, lost in blocks, the ballast
BALLAST_KIB=4096                         # what is kept free for undoing
BALLAST_FILES='1 2 3 4 5 6 7 8'          # the same in inodes
WORK_KIB=16384                           # what temporary files take at most
MANY_BYTES=8000000                       # from there on it pays to hash with two processes
RUNS=/var/lib/package-cache              # a folder for each run that changes something, for a later run to find
DPKG=/usr/bin/dpkg                       # with its path, for a busybox sh may take its own dpkg for it
DPKG_OPTIONS='--force-unsafe-io --force-confdef --force-confold --refuse-downgrade'
DPKG_QUERY=/usr/bin/dpkg-query
TIMEOUT=/usr/bin/timeout                 # the same; busybox's own hands no signal on
DPKG_STATE=/var/lib/dpkg
APT_MARKS=/var/lib/apt/extended_states   # which packages are dependencies only
APT_MARKS_NEW=${APT_MARKS}.package-cache # the same while it is written
POLICY=/usr/sbin/policy-rc.d             # invoke-rc.d(8) asks it whether a service may start
POLICY_KEPT=${POLICY}.kept-by-package-cache
TIMED="${RUNS%/*} ${POLICY%/*} ${DPKG_STATE}/lock ${DPKG_STATE}/lock-frontend" # what a run that changes nothing changes
POLICY_TIMEOUT=5                         # seconds that the image's own may take to answer
POLICY_MARK='# package-cache: no service is started while this process installs:'
OS_RELEASE=/etc/os-release
# shellcheck disable=SC2016  # what dpkg-query expands, not we
PACKAGE_LINE='${Package}/${Architecture}/${Version}/${db:Status-Abbrev}\n'
# shellcheck disable=SC2016  # as above
PROVIDES_LINE='${db:Status-Abbrev}, ${Provides},\n'
NEWLINE='
'

# Give the exit status of a reason, in `status`. The same table as values/statuses.py; a test holds them together.
status_of() {
    case $1 in
        installed) status=0 ;;
        internal) status=1 ;;
        usage) status=2 ;;
        no-such-group) status=10 ;;
        not-for-system) status=11 ;;
        not-for-architecture) status=12 ;;
        no-plan) status=13 ;;
        not-root) status=20 ;;
        no-dpkg) status=21 ;;
        dpkg-broken) status=22 ;;
        cache-missing) status=30 ;;
        cache-damaged) status=31 ;;
        cache-too-new) status=32 ;;
        dpkg-locked) status=40 ;;
        no-space) status=41 ;;
        read-only) status=42 ;;
        install-failed) status=50 ;;
        interrupted) status=130 ;;
        *) status=1 ;;
    esac
}

# ---- saying things, and ending ----

# Print a line for the job's owner. A reader that went away is no reason to stop.
say() {
    printf 'package-cache: %s\n' "$*" 2>/dev/null || :
}

# Print lines on standard error.
complain() {
    printf 'package-cache: %s\n' "$*" >&2 2>/dev/null || :
}

# End without having changed anything: REASON, CAUSE, NEXT STEP.
miss() {
    complain "cannot install ${groups:-anything}: $2"
    complain "${unchanged}; next step: $3"
    untouched=yes
    finish "$1" "$2"
}

# End with REASON and MESSAGE: write the result file; the EXIT trap tidies up.
finish() {
    reason=$1
    message=$2
    status_of "${reason}"
    exit "${status}"
}

# The EXIT trap: give the container its things back, write the result, exit with the status of `reason`.
tidy_up() {
    trap '' INT TERM HUP
    [ -z "${hashers}" ] || kill ${hashers} 2>/dev/null
    release_policy
    [ -z "${untouched}" ] || end_run
    [ -z "${untouched}" ] || restore_times
    if [ -n "${run}" ]; then forget "${run}" "${work}"; elif [ -n "${work}" ]; then rm -rf "${work}"; fi
    status_of "${reason}"
    [ -z "${result}" ] || write_result || complain "cannot write the result to ${result}"
    exit "${status}"
}

# Write `result`, in one rename; never through a link that somebody put there. A device stays one.
write_result() {
    phase rest
    phase total
    case ${result} in
        /dev/*) print_result 2>/dev/null >"${result}" ;;
        *)
            ! is_there "${result}.${$}" || rm -f "${result}.${$}"
            set -C
            print_result 2>/dev/null >"${result}.${$}" && mv -f "${result}.${$}" "${result}"
            ;;
    esac
}

# Print the lines of a result file.
print_result() {
    printf '%s\n' "status=${status}" "reason=${reason}" "group=${groups}" "installed=${installed}" \
        "already_there=${already_there}"
    printf '%s' "${phases}"
    one_line "${message}"
}

# Print the message line of a result file: without line ends.
one_line() {
    printf 'message'
    _sign='='
    split_lines "$1"
    for _line in ${lines}; do
        printf '%s%s' "${_sign}" "${_line}"
        _sign=' '
    done
    unset IFS
    echo
}

# The trap of signals: end what runs, undo what was begun.
interrupted() {
    trap '' INT TERM HUP
    if [ -n "${child}" ]; then
        kill -TERM "${child}" 2>/dev/null # timeout(1) hands it on to all of its process group
        wait "${child}"
        kill_group
        child=
    fi
    complain "cannot go on: SIG$1 came"
    case ${touched} in
        yes) undo ;;
        recovering) undone='what an earlier run left is not in order yet; run it again' ;;
        *) undone=${unchanged} ;;
    esac
    complain "${undone}"
    finish interrupted "SIG$1 came; ${undone}"
}

# Set `lines` and IFS so that `for line in ${lines}` goes over the lines of a text. The caller unsets IFS.
split_lines() {
    lines=$1
    IFS=${NEWLINE}
}

# ---- time, in hundredths of a second, without a process ----

# Set `now`.
clock() {
    _up=
    { read -r _up _ </proc/uptime; } 2>/dev/null
    [ -n "${_up}" ] || _up=$(date +%s).00
    _part=${_up#*.}
    now=$((${_up%.*} * 100 + 1${_part} - 100))
}

# Set `seconds` to a count of hundredths, as a decimal number.
as_seconds() {
    seconds=$(($1 % 100))
    [ "${seconds}" -ge 10 ] || seconds=0${seconds}
    seconds=$(($1 / 100)).${seconds}
}

# Note how long the phase NAME took that ends now; `total` counts from the beginning.
phase() {
    clock
    case $1 in
        total) as_seconds "$((now - began))" ;;
        *) as_seconds "$((now - last))" ;;
    esac
    last=${now}
    phases="${phases}seconds_$1=${seconds}${NEWLINE}"
}

# Set `megabytes` to a number of bytes in words: 5.1 MB.
as_megabytes() {
    megabytes=$((($1 + 50000) / 100000))
    megabytes="$((megabytes / 10)).$((megabytes % 10)) MB"
}

# Set `counted` to a number of packages in words.
count_packages() {
    if [ "$1" = 1 ]; then counted='1 package'; else counted="$1 packages"; fi
}

# ---- what was asked for ----

print_usage() {
    cat <<'END'
Install groups of packages from a Package Cache into this container, offline.

usage: sh install_group.sh [options] [--] GROUP...

  --cache DIR             the cache (default: the folder of this script, else ../package_cache beside it)
  --result FILE           write the result there, as key=value lines
  --lock-timeout SECONDS  how long another process may keep dpkg locked (default: 120)
  --install-timeout SECONDS  how long a run of dpkg may take until it is ended (default: 1800)
  --verbose               show dpkg's output also where all goes well
  --help                  show this

example: sh /opt/package_cache/install_group.sh ssh || apt-get install -y openssh-server

Exit statuses: 0 installed, or there already. Nothing was changed with: 2 usage; 10 no such group; 11 not for this
OS release; 12 not for this architecture; 13 no plan; 20 not root; 21 no dpkg or apt-get; 22 dpkg is half done;
30 no cache, or an empty one; 31 cache damaged; 32 cache too new; 40 dpkg locked too long; 41 no space; 42 read-only.
Tried and undone: 50 an installation failed; 130 a signal came.
END
}

# End for a command line that makes no sense.
misuse() {
    complain "cannot understand the command line: $1"
    complain "see: sh install_group.sh --help"
    finish usage "$1"
}

# Read the command line into groups, cache, result, lock_timeout, install_timeout, verbose. SCRIPT-PATH ARGUMENTS...
parse() {
    script=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --cache | --result | --lock-timeout | --install-timeout)
                set_option "$1" "${2:-}"
                [ $# -lt 2 ] || shift
                ;;
            --cache=* | --result=* | --lock-timeout=* | --install-timeout=*) set_option "${1%%=*}" "${1#*=}" ;;
            --verbose) verbose=yes ;;
            --help)
                print_usage
                finish installed "help shown"
                ;;
            --)
                shift
                break
                ;;
            -*) bad=${bad:-there is no option $1} ;;
            *) add_group "$1" ;;
        esac
        shift
    done
    while [ $# -gt 0 ]; do
        add_group "$1"
        shift
    done
    [ -z "${bad}" ] || misuse "${bad}"
    [ -n "${groups}" ] || misuse "name at least one group"
    check_seconds --lock-timeout "${lock_timeout}"
    check_seconds --install-timeout "${install_timeout}"
}

# Refuse an OPTION's VALUE that is no number of seconds.
check_seconds() {
    case $2 in
        '' | *[!0-9]* | ????????*) misuse "$1 takes whole seconds, not '$2'" ;;
        *) ;;
    esac
}

# Take an option NAME with its VALUE.
set_option() {
    [ -n "$2" ] || bad=${bad:-$1 takes a value}
    case $1 in
        --cache) cache=$2 ;;
        --result) result=$2 ;;
        --lock-timeout) lock_timeout=$2 ;;
        *) install_timeout=$2 ;;
    esac
}

# Add a group's NAME to `groups`, once, if it is a name (values/names.py): never a path, never anything to a shell.
add_group() {
    case $1 in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789+._-]*) bad=${bad:-"'$1' is no group's name: it takes a-z 0-9 + . _ - and begins with a letter or digit"} ;;
        *)
            case " ${groups} " in
                *" $1 "*) ;;
                *) groups=${groups:+${groups} }$1 ;;
            esac
            ;;
    esac
}

# ---- the cache ----

# Set `cache` to the absolute path of a cache that is there. 30
find_cache() {
    if [ -z "${cache}" ]; then
        cache=.
        case ${script} in */*) cache=${script%/*} ;; *) ;; esac
        [ -d "${cache}/groups" ] || [ ! -d "${cache}/../package_cache" ] || cache=${cache}/../package_cache
    fi
    [ -d "${cache}" ] || miss cache-missing "there is no cache at ${cache}" "check the mount, or name the folder with --cache"
    _given=${cache}
    case ${cache} in /*) ;; *) cache=$(cd -P -- "${_given}" 2>/dev/null && pwd -P) ;; esac
    [ -x "${cache}" ] || miss cache-missing "the folder ${_given} cannot be entered" "check the mount and its permissions"
    pool=${cache}/pool
    [ -d "${cache}/groups" ] && return
    set +f
    set -- "${cache}"/*
    set -f
    [ -e "$1" ] || miss_empty
    miss cache-missing "the folder ${cache} is no cache: it has no groups" "check the mount, or name the folder with --cache"
}

# End for an empty folder: some clusters mount one, silently, in the place of an image volume that they do not know. 30
miss_empty() {
    if is_mounted "$(cd -P -- "${cache}" && pwd -P)"; then
        miss cache-missing "the volume at ${cache} is empty" "fill it; an image volume arrives empty where the API server or the node's container runtime does not know image volumes"
    fi
    miss cache-missing "the folder ${cache} is empty, and nothing is mounted there" "check the mount, or name the folder with --cache"
}

# Tell whether something is mounted at a PATH (proc(5), mountinfo).
is_mounted() {
    while read -r _ _ _ _ _point _; do
        [ "${_point}" != "$1" ] || return 0
    done 2>/dev/null </proc/self/mountinfo
    return 1
}

# Set `id`, `version` and `like` to ID, VERSION_ID and ID_LIKE of os-release(5), which is read, never run; `system` to the
# first two. The same as outside/os_release.py.
read_system() {
    id=
    version=
    like=
    os_release_is_there=
    [ -f "${OS_RELEASE}" ] || OS_RELEASE=/usr/lib/os-release
    if [ -f "${OS_RELEASE}" ] && [ -r "${OS_RELEASE}" ]; then
        os_release_is_there=yes
        while read -r _line || [ -n "${_line}" ]; do
            _line=${_line%[[:cntrl:]]} # a line end of DOS
            case ${_line} in
                ID=*) unquote "${_line#*=}" && id=${unquoted} ;;
                VERSION_ID=*) unquote "${_line#*=}" && version=${unquoted} ;;
                ID_LIKE=*) unquote "${_line#*=}" && like=${unquoted} ;;
                *) ;;
            esac
        done <"${OS_RELEASE}"
    fi
    system=${id}${version}
}

# Check that os-release(5) gives a name of a system. 11
check_system() {
    [ -n "${os_release_is_there}" ] || no_system "it is not there"
    check_sign ID "${id}" ""
    check_sign VERSION_ID "${version}" ", as where a release is still being made (testing, unstable)"
}

# Check a field of os-release(5) for the signs that names in a cache have: NAME VALUE WHAT-IT-MEANS-WITHOUT-VALUE. 11
check_sign() {
    case $2 in
        '') no_system "it has no $1$3" ;;
        *[!a-z0-9._]*) no_system "its $1 has signs other than a-z 0-9 . _" ;;
        *) ;;
    esac
}

# End because nobody knows what this is. CAUSE. 11
no_system() {
    miss not-for-system "${OS_RELEASE} does not say which OS release this is: $1" "use the fallback of this image"
}

# Set `architecture` to dpkg's own; a dpkg whose configuration is wrong gives none. 22
read_architecture() {
    [ -z "${architecture}" ] || return 0
    architecture=$("${DPKG}" --print-architecture 2>/dev/null) && return
    miss dpkg-broken "dpkg does not work here: $("${DPKG}" --print-architecture 2>&1)" "mend what it complains of"
}

# Set `unquoted` to a value of os-release without its quotes.
unquote() {
    case $1 in
        \"*\" | \'*\')
            unquoted=${1#?}
            unquoted=${unquoted%?}
            ;;
        *) unquoted=$1 ;;
    esac
}

# Check that each group is there for this system and architecture, and read what it asks for. 10 11 12 31 32
read_groups() {
    check_system
    read_architecture
    for _group in ${groups}; do
        _folder=groups/${_group}-${system}
        [ -d "${cache}/${_folder}" ] || miss_group "${_group}"
        [ -e "${cache}/${_folder}/${architecture}.group" ] || miss_architecture "${_folder}" "${_group}"
        for _file in "${architecture}.group" Packages packages.json Release; do check_file "${_folder}/${_file}"; done
        read_group "${cache}/${_folder}" "${_folder}/${architecture}.group"
    done
    for _file in ${image_indexes}; do check_file "${_file}"; done
    hashes=
    for _group in ${groups}; do
        for _file in "${architecture}.group" Packages packages.json; do # the last line of a Release that was cut short too
            read_release "groups/${_group}-${system}" "${_file}"
            hashes="${hashes}${stated:-none}  groups/${_group}-${system}/${_file}${NEWLINE}"
        done
    done
    for _file in ${image_indexes}; do
        read_release "${_file%/*}" "${_file##*/}"
        hashes="${hashes}${stated:-none}  ${_file}${NEWLINE}"
    done
    check_hashes "its Release"
}

# Check that a NAME in the cache is a file with something in it; one that is a pipe would be waited for. 31
check_file() {
    [ -e "${cache}/$1" ] || damaged "$1 is missing"
    [ -f "${cache}/$1" ] || damaged "$1 is not a file"
    [ -s "${cache}/$1" ] || damaged "$1 is empty"
    [ -r "${cache}/$1" ] || damaged "$1 cannot be read: see the permissions on it"
}

# End because a group is not in the cache, or not for this system. 10 11
miss_group() {
    _others=
    _all=' '
    set +f
    for _path in "${cache}/groups"/*-*; do
        _name=${_path##*/}
        case ${_name} in "$1-" | "$1-"*[!a-z0-9._]*) ;; "$1"-*) _others="${_others} ${_name##*-}" ;; *) ;; esac
        case ${_all} in *" ${_name%-*} "*) ;; *) _all="${_all}${_name%-*} " ;; esac
    done
    set -f
    [ -z "${_others}" ] || miss_system "$1" "${_others}"
    [ "${_all}" != ' * ' ] || _all=' none '
    miss no-such-group "the cache has no group $1; it has:${_all% }" "add it to the manifest and build again"
}

# End because a group is not for this system: GROUP SYSTEMS. What is like another distribution may have other versions of
# the same packages, or be for lesser processors under the same name, so that it is never taken for that one. 11
miss_system() {
    _derived=
    case ${id} in
        debian | ubuntu) miss not-for-system "the group $1 is not for ${system}; it is for:$2" "add ${system} to the group in the manifest and build again" ;;
        *) ;;
    esac
    case ${like} in
        '' | *[!a-z0-9._\ -]*) ;;
        *) _derived=", a derivative (ID_LIKE=${like}) with packages of its own" ;;
    esac
    miss not-for-system "the group $1 is not for ${system}${_derived}; it is for:$2" "use the fallback of this image"
}

# End because a group is not for this architecture. FOLDER GROUP. 12 31
miss_architecture() {
    check_file "$1/Release"
    read_release "$1" "${architecture}.group"
    [ -z "${stated}" ] || damaged "$1/${architecture}.group is missing"
    _others=
    set +f
    for _path in "${cache}/$1"/*.group; do
        _name=${_path##*/}
        _others="${_others} ${_name%.group}"
    done
    set -f
    [ "${_others}" != ' *' ] || damaged "the folder $1 has no .group file"
    miss not-for-architecture "the group $2 is not for ${architecture}; it is for:${_others}" "add ${architecture} to the group in the manifest and build again"
}

# End because a file of the cache is not what it was.
damaged() {
    miss cache-damaged "the cache is damaged: $1" "stage or build the cache again"
}

# Read one `.group` file (cache/layout.py, group_file) into requests, provides, pre_dependencies, images,
# image_indexes, installed_kib, recommends. FOLDER NAME. 31 32
read_group() {
    _has_format=
    _has_package=
    _end=
    while read -r _key _value; do
        case ${_key} in
            format)
                check_format "$2" "${_value}"
                _has_format=yes
                ;;
            installed-kib)
                is_number "${_value}" || damaged "$2 has a size that is no number"
                installed_kib=$((installed_kib + _value))
                ;;
            recommends) recommends=true ;;
            package)
                add_request "$2" "${_value}"
                _has_package=yes
                ;;
            provides) provides=${provides}${_value}${NEWLINE} ;;
            pre-dependency) pre_dependencies="${pre_dependencies} ${_value}" ;;
            image) add_image "$2" "${_value}" ;;
            end) _end=yes ;;
            *) damaged "$2 has a line that means nothing: ${_key}" ;;
        esac
    done <"$1/${2##*/}"
    [ -n "${_end}" ] || damaged "$2 is cut short"
    [ -n "${_has_format}" ] || damaged "$2 has no format number"
    [ -n "${_has_package}" ] || damaged "$2 asks for no package"
}

# Is a text a number that arithmetic takes? Some shells run what stands in another one, or read 08 as octal.
is_number() {
    case $1 in '' | 0?* | *[!0-9]* | ????????????????*) return 1 ;; *) return 0 ;; esac
}

# Refuse a format that is newer than this script. NAME FORMAT. 31 32
check_format() {
    is_number "$2" || damaged "$1 has no format number"
    [ "$2" -le "${FORMAT}" ] || miss cache-too-new "the cache's format is $2, this installer reads ${FORMAT}" "use the install_group.sh that lies in the cache"
}

# Add a request to `requests`, once, if it has the signs of one only: NAME REQUEST. 31
add_request() {
    case $2 in
        '' | -* | *[!a-zA-Z0-9+.:=~-]*) damaged "$1 asks for '$2', which is no package's name" ;;
        *) ;;
    esac
    case " ${requests} " in
        *" $2 "*) ;;
        *) requests=${requests:+${requests} }$2 ;;
    esac
}

# Add an image's name to `images`, once, and the index for it to `image_indexes`: NAME IMAGE. 31
add_image() {
    case $2 in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789+._-]*) damaged "$1 has an image '$2', which is no image's name" ;;
        *) [ "${#2}" -le 64 ] || damaged "$1 has an image '$2', which is no image's name" ;;
    esac
    case " ${images} " in *" $2 "*) ;; *) images=${images:+${images} }$2 ;; esac
    set -- "${1%/*}/Packages.${architecture}.$2"
    case " ${image_indexes} " in *" $1 "*) ;; *) image_indexes="${image_indexes} $1" ;; esac
}

# ---- what is here already ----

# Print what dpkg's database has, in a subshell: FORMAT PACKAGE... (all, without a package). Those it does not know give
# no line.
query() {
    exec "${DPKG_QUERY}" -W -f "$@" 2>/dev/null
}

# Set `missing` to the requests that dpkg does not have installed, `there` to the number of others, `looked` to dpkg's
# status. Status 0: all is there.
look() {
    _names=
    for _request in ${requests}; do _names="${_names} ${_request%%[:=]*}"; done # an "all" one is not of our architecture
    known=$(query "${PACKAGE_LINE}" ${_names})
    looked=$?
    missing=
    there=0
    for _request in ${requests}; do
        if is_known "${_request}"; then
            there=$((there + 1))
        else
            missing=${missing:+${missing} }${_request}
        fi
    done
    [ -z "${missing}" ] && files_are_there
}

# End because dpkg cannot read its own database. 22
unreadable() {
    _said=$("${DPKG_QUERY}" -W 2>&1 >/dev/null)
    set -- ${_said##*dpkg-query: error: }
    miss dpkg-broken "dpkg cannot read its database: $*" "mend what it complains of"
}

# Is a request among `known` and whole? Holding it (`hi`) does not make it less so.
is_known() {
    _name=${1%%=*}
    _version='*'
    case $1 in *=*) _version=${1#*=} ;; *) ;; esac
    case ${_name} in
        *:*) _arch=${_name#*:} ;;
        *) _arch=${architecture} ;;
    esac
    _name=${_name%%:*}
    for _known in ${known}; do
        # shellcheck disable=SC2254  # the version may be a pattern; no other value here holds a pattern's sign
        case ${_known} in
            "${_name}/${_arch}/"${_version}/[ih]i | "${_name}/all/"${_version}/[ih]i) return 0 ;;
            *) ;;
        esac
    done
    return 1
}

# Are all files there that the groups must provide? Sets `absent` to the first that is not.
files_are_there() {
    absent=
    split_lines "${provides}"
    for _path in ${lines}; do
        [ -e "${_path}" ] || absent=${_path}
    done
    unset IFS
    [ -z "${absent}" ]
}

# Is a request that names a virtual package met by an installed one that provides it?
is_provided() {
    case $1 in *[=:]*) return 1 ;; *) ;; esac
    split_lines "$(query "${PROVIDES_LINE}")"
    for _line in ${lines}; do
        case ${_line} in
            [ih]i*", $1,"* | [ih]i*", $1 ("*)
                unset IFS
                return 0
                ;;
            *) ;;
        esac
    done
    unset IFS
    return 1
}

# Look again, at everything. Status 0: all requests are met; else `wrong` says what is not.
check_all() {
    wrong=
    look && return 0
    for _request in ${missing}; do
        is_provided "${_request}" || wrong="${wrong} ${_request}"
    done
    [ -z "${wrong}" ] || wrong="dpkg does not have installed:${wrong}"
    files_are_there || wrong=${wrong:-"the file ${absent} is not there"}
    [ -z "${wrong}" ]
}

# ---- the plan ----

# Check for what installing needs: root and the tools. 20 21
need_root_and_tools() {
    is_root || miss not-root "this is not root, and not all is there: ${missing:-${absent}}" "run it as root"
    need_tools apt-get df timeout
}

# Is this root (proc(5), status)?
is_root() {
    _key=
    { while [ "${_key}" != Uid: ] && read -r _key _ _effective _; do :; done <"/proc/${$}/status"; } 2>/dev/null
    [ "${_key}" = Uid: ] || _effective=$(id -u)
    [ "${_effective}" = 0 ]
}

# Check that programs are there: NAME... 21
need_tools() {
    for _tool in "$@"; do
        command -v "${_tool}" >/dev/null 2>&1 || miss no-dpkg "there is no ${_tool} here" "use the fallback of this image"
    done
}

# Set `work` to a private folder in the first place with room for it, with apt's configuration in it. 41
# Its name tells whose it is, for `sweep`. The same df(1) looks at the other disks, for `check_space`.
make_work() {
    [ -z "${work}" ] || return
    for _place in /run ${TMPDIR:+"${TMPDIR}"} /tmp /var/tmp /dev/shm; do
        case ${_place} in *[!a-zA-Z0-9/.-]* | [!/]*) continue ;; *) ;; esac # apt writes others in another way
        [ -d "${_place}" ] || continue
        disks=$(df -Pk / /usr /var "${_place}" 2>/dev/null)
        set -- ${disks##*"${NEWLINE}"}
        case ${4:-x} in *[!0-9]*) continue ;; *) ;; esac
        [ "$4" -ge "${WORK_KIB}" ] || continue
        disks=${disks%"${NEWLINE}"*}
        work=${_place}/package-cache.${me}
        if mkdir -m 700 "${work}" 2>/dev/null; then
            write_configuration 2>/dev/null && return
            rm -rf "${work}"
        fi
        work=
    done
    miss no-space "no place for temporary files has ${WORK_KIB} KiB free: /run, TMPDIR, /tmp, /var/tmp, /dev/shm" "free some space there"
}

# Write an apt configuration that reads nothing of the image's but what dpkg has, and apt's marks. apt.conf(5)
# apt keeps what it has read in memory: written down, that costs more than reading all again.
write_configuration() {
    {
        printf 'Dir::Etc%s "/dev/null";\n' '' ::main ::parts ::sourceparts ::preferences ::preferencesparts ::trusted \
            ::trustedparts ::netrc ::netrcparts &&
            printf 'Dir::%s "%s";\n' Etc::sourcelist "${work}/sources.list" State "${work}" State::lists "${work}" \
                State::status "${DPKG_STATE}/status" State::extended_states "${APT_MARKS}" Cache "${work}" \
                Cache::archives "${work}" Cache::pkgcache '' Cache::srcpkgcache '' Log "${work}" Log::Planner '' &&
            printf 'APT::%s "%s";\n' Architecture "${architecture}" Sandbox::User root Install-Suggests false \
                Install-Recommends "${recommends}" Get::Always-Include-Phased-Updates true &&
            { ! is_one_architecture || printf 'APT::Architectures:: "%s";\n' "${architecture}"; } && # else apt asks dpkg
            printf 'Acquire::Languages "none";\nDPkg::Lock::Timeout "0";\nDPkg::Use-Pty "false";\n' &&
            printf 'DPkg::Options:: "%s";\n' ${DPKG_OPTIONS}
    } >"${work}/apt.conf"
}

# Does dpkg take packages of its own architecture only?
is_one_architecture() {
    is_there "${DPKG_STATE}/arch" || return 0
    [ -f "${DPKG_STATE}/arch" ] && [ -r "${DPKG_STATE}/arch" ] || return
    while read -r _arch || [ -n "${_arch}" ]; do
        [ "${_arch}" = "${architecture}" ] || return
    done <"${DPKG_STATE}/arch"
}

# Let an apt program say something, with the private configuration and that only: PROGRAM ARGUMENTS... Sets `_said`.
ask_apt() {
    _said=$(APT_CONFIG=${work}/apt.conf TMPDIR=${work} "$@" 2>&1 </dev/null)
}

# Give apt the groups' indexes, which read_groups has checked, as if it had fetched them: each under the name by which
# apt knows what is at file:WORK/cache/NUMBER/, with _ for /. With IMAGE those for it, where a group has one. 41
link_indexes() {
    image=${1:-}
    _number=0
    _sources=
    for _group in ${groups}; do
        _number=$((_number + 1))
        _sources="${_sources}deb [trusted=yes] file:${work}/cache ${_number}/${NEWLINE}"
        IFS=/
        set -- ${work}
        IFS=_
        _list="${work}/$*_cache_${_number}_Packages"
        unset IFS
        _index=groups/${_group}-${system}/Packages
        case "${image_indexes} " in *" ${_index}.${architecture}.${image} "*) _index=${_index}.${architecture}.${image} ;; *) ;; esac
        ln -sf "${cache}/${_index}" "${_list}" || no_work
    done
    { printf '%s' "${_sources}" >"${work}/sources.list" && write_configuration; } 2>/dev/null || no_work
}

# End because no temporary file can be written. 41
no_work() {
    miss no-space "there is no space for temporary files in ${work%/*}" "free some, or set TMPDIR"
}

# Print those lines of apt's output that tell what is wrong. Of its lists, which are indented below their heads, those
# are left out that only tell what it would do. TEXT
complain_with() {
    split_lines "$1"
    _list=told
    for _line in ${lines}; do
        case ${_line} in
            'W: Unable to read /dev/null'*) continue ;; # as apt 1.2 says of what it need not read
            ' '*)
                [ -z "${_list}" ] || complain "    ${_line}"
                continue
                ;;
            E:* | W:* | Err* | apt-get:* | 'Package '*' is a virtual package'* | *' not fully installed or removed.' | \
                'The following packages have unmet'* | 'The following packages will be REMOVED'* | \
                'The following packages will be DOWNGRADED'* | 'The following held packages'* | *'following essential '*) _list=told ;;
            *) _list= ;;
        esac
        [ -z "${_list}" ] || complain "    ${_line}"
    done
    unset IFS
}

# Let apt plan: sets files (hashes, in apt's order), planned (package names), bytes, need_kib. 13 22 31
# Status 1: another process works with dpkg, so that no plan can be trusted now.
plan() {
    files=
    planned=
    file_of=' ' # "NAME/HASH " for each
    bytes=0
    ends= # of each file, were they one behind the other
    need_kib=${installed_kib}
    _before=
    while :; do
        make_plan && break
        ! is_locked || return 1
        # Another process may have ended just now, between what apt saw and the look at the lock.
        if [ "${_plan}" = "${_before}" ]; then
            recover_others || no_plan
            return 1
        fi
        _before=${_plan}
    done
    read_plan "${_plan}"
    check_architectures
}

# Put in order, once, what another installer left here that was killed after this one had begun. Status 1: nothing did.
recover_others() {
    [ -z "${recovered}" ] && [ -d "${RUNS}" ] || return
    recovered=yes
    _pool=${pool}
    recover
    pool=${_pool}
}

# Set `_plan` to what apt says about installing what is missing: out of the groups' own indexes or, where those have no
# plan, out of the first for an image that has one. Status 1: there is `_trouble`.
make_plan() {
    _trouble=
    [ -z "${image}" ] || link_indexes
    ask_for_plan || _trouble=no-plan
    _plan=${_said}
    case ${_plan} in
        *' not fully installed or removed.'* | *'--fix-broken install'* | *'apt-get -f install'* | *' needs to be reinstalled'*) _trouble=dpkg-broken ;;
        *) ;;
    esac
    set +f
    for _path in "${DPKG_STATE}"/updates/[0-9]*; do
        [ ! -e "${_path}" ] || _trouble=dpkg-broken
    done
    set -f
    [ "${_trouble}" != no-plan ] || ! plan_for_image || _trouble=
    [ -z "${_trouble}" ]
}

# Let apt say what it would install. Sets `_said`.
ask_for_plan() {
    ask_apt apt-get -y --no-remove --print-uris install ${missing}
}

# Let apt plan out of the indexes for one image after the other. Status 1: none has a plan, and `_plan` stays.
plan_for_image() {
    for _image in ${images}; do
        link_indexes "${_image}"
        if ask_for_plan; then
            _plan=${_said}
            say "${groups}: the packages for the image ${image} fit here, the groups' own do not"
            return
        fi
    done
    [ -z "${image}" ] || link_indexes
    return 1
}

# End because of `_trouble`. 13 22 31
no_plan() {
    for _group in ${groups}; do check_file "groups/${_group}-${system}/Packages"; done # it may be gone by now
    complain_with "${_plan}"
    [ "${_trouble}" = no-plan ] || miss dpkg-broken "${culprit} left packages half installed here" "run dpkg --configure -a, then apt-get -f install"
    [ "${_checked}" = 0 ] || miss dpkg-broken "apt cannot read the cache's indexes, though they are whole, see above" "see that apt-get check works, or build the cache again"
    miss no-plan "the packages here and those of the cache cannot be combined; apt says why, above" "lock for this image as well (lock --for), or use the fallback of this image"
}

# Read what `apt-get --print-uris` said: 'uri' name_version_architecture.deb size. 31
read_plan() {
    split_lines "$1"
    _uris=
    for _line in ${lines}; do
        case ${_line} in
            "'"*) _uris="${_uris} ${_line}" ;;
            'After this operation, '*' will be used.') read_size "${_line#After this operation, }" ;;
            'After this operation, '*' will be freed.') need_kib=0 ;;
            *) ;;
        esac
    done
    unset IFS
    set -- ${_uris}
    while [ $# -ge 3 ]; do
        case $1 in
            "'"*) take_file "$1" "$2" "$3" ;;
            *) ;; # a hash, of those apts that print one
        esac
        shift
    done
}

# Add a package file to the plan: URI NAME SIZE. 31
take_file() {
    _hash=${1##*/}
    _hash=${_hash%".deb'"}
    case ${_hash} in *[!0-9a-f]*) _hash= ;; *) ;; esac
    is_number "$3" || _hash=
    [ ${#_hash} = 64 ] || damaged "its index names a file outside the pool: $1 $2"
    files="${files} ${_hash}"
    bytes=$((bytes + $3))
    ends="${ends} ${bytes}"
    _arch=${2##*_}
    case ${_arch%.deb} in
        all | "${architecture}") _name=${2%%_*} ;;
        *) _name=${2%%_*}:${_arch%.deb} ;;
    esac
    case ${_name} in
        [!a-zA-Z0-9]* | *[!a-zA-Z0-9+.:-]*) damaged "its index has a package '${_name}', which is no package's name" ;;
        *) ;;
    esac
    planned="${planned} ${_name}"
    file_of="${file_of}${_name}/${_hash} "
}

# Check that dpkg takes the architectures of what is planned: of a flat repository apt plans what it finds there. 13
check_architectures() {
    case ${planned} in *:*) ;; *) return ;; esac
    _foreign=
    for _arch in $("${DPKG}" --print-foreign-architectures); do _foreign="${_foreign} ${_arch}"; done
    for _name in ${planned}; do
        case "${_name#*:}${_foreign} " in
            "${_name} "* | *" ${_name#*:} "*) ;;
            *) miss no-plan "dpkg takes no packages of ${_name#*:} here, such as ${_name%%:*}" "run dpkg --add-architecture ${_name#*:} when the image is made" ;;
        esac
    done
}

# Set `steps` to the order in which apt unpacks and configures the plan, where a package must be configured before
# another is unpacked (Debian Policy 7.2, Pre-Depends): "+HASH" unpacks, "-NAME" configures. Else one dpkg run does.
plan_steps() {
    steps=
    _first=
    for _name in ${pre_dependencies}; do
        case "${planned} " in *" ${_name} "* | *" ${_name}:"*) _first=${_name} ;; *) ;; esac
    done
    [ -n "${_first}" ] || return 0
    _last=
    _split=
    ask_apt apt-get -y --no-remove --simulate install ${missing}
    split_lines "${_said}"
    for _line in ${lines}; do
        _name=${_line#* }
        _name=${_name%% *}
        case ${_line} in
            'Inst '*)
                _hash=${file_of#*" ${_name}/"}
                steps="${steps} +${_hash%% *}"
                [ "${_last}" != configured ] || _split=yes
                _last=unpacked
                ;;
            'Conf '*)
                steps="${steps} -${_name}"
                _last=configured
                ;;
            *) ;;
        esac
    done
    unset IFS
    [ -n "${_split}" ] || steps=
}

# Set need_kib from apt's words: 10.8 MB of additional...
read_size() {
    _number=${1%% *}
    _whole=${_number%%.*}
    _tenth=0
    case ${_number} in *.*) _tenth=${_number#*.} ;; *) ;; esac
    case $1 in
        *' kB '*) need_kib=$((_whole + 1)) ;;
        *' MB '*) need_kib=$((_whole * 1000 + _tenth * 100)) ;;
        *' GB '*) need_kib=$((_whole * 1000000 + _tenth * 100000)) ;;
        *) need_kib=1 ;;
    esac
}

# Begin to hash every byte that dpkg will read, while other things are looked at; `verify` asks what came of it. Many
# bytes are hashed in two halves at once. 31
start_hashing() {
    hashes=
    _half=
    set -- ${ends}
    for _hash in ${files}; do
        check_file "pool/${_hash}.deb"
        hashes="${hashes}${_hash}  pool/${_hash}.deb${NEWLINE}"
        [ "$1" -gt "$((bytes / 2))" ] || _half=${hashes}
        shift
    done
    [ "${bytes}" -ge "${MANY_BYTES}" ] || _half=
    [ -z "${_half}" ] || hash_aside first "${_half}"
    hash_aside rest "${hashes#"${_half}"}"
}

# Hash some of the files in the background, for `verify`: NAME HASHES.
hash_aside() {
    { printf '%s' "$2" >"${work}/hashes.$1"; } 2>/dev/null || no_work
    { cd "${cache}" && exec sha256sum -c >/dev/null 2>&1; } <"${work}/hashes.$1" &
    hashers="${hashers} $!"
}

# Check the plan's files against the hashes that the indexes state, as read_groups has checked those. 31
verify() {
    for _hasher in ${hashers}; do
        wait "${_hasher}" || check_hashes 'the index' # to know which it is
    done
    hashers=
}

# Check files of the cache against `hashes`, lines as sha256sum(1) prints them: WHO-STATES-THEM. 31
check_hashes() {
    _names=
    for _word in ${hashes}; do
        case ${_word} in */*) _names="${_names} ${_word}" ;; *) ;; esac
    done
    _said=$(cd "${cache}" && exec sha256sum ${_names} 2>/dev/null)
    [ "${_said}${NEWLINE}" != "${hashes}" ] || return 0
    split_lines "${hashes}"
    for _line in ${lines}; do
        case ${NEWLINE}${_said}${NEWLINE} in *"${NEWLINE}${_line}${NEWLINE}"*) ;; *) break ;; esac
    done
    unset IFS
    _bad=${_line#*  }
    [ -e "${cache}/${_bad}" ] || damaged "${_bad} is missing"
    [ -n "${_said}" ] || damaged "the files cannot be hashed"
    damaged "${_bad} is not the file that $1 states (SHA-256)"
}

# Set `stated` to the hash that a group's Release states of one of its files, or to nothing: FOLDER NAME.
read_release() {
    _within=
    stated=
    while read -r _hash _size _name; do
        case ${_hash}${_name} in
            SHA256:) _within=yes ;;
            *:) _within= ;;
            *"$2") [ -z "${_within}" ] || [ "${_name}" != "$2" ] || [ "${#_hash}" != 64 ] || stated=${_hash} ;;
            *) ;;
        esac
    done <"${cache}/$1/Release"
    case ${stated} in *[!0-9a-f]*) stated= ;; *) ;; esac
}

# Check that the packages fit on the disks. 41
check_space() {
    [ -n "${disks}" ] || disks=$(df -Pk / /usr /var 2>/dev/null)
    split_lines "${disks}"
    for _line in ${lines}; do
        unset IFS
        set -- ${_line}
        case ${4:-x} in *[!0-9]*) continue ;; *) ;; esac
        [ "$4" -ge "$((need_kib + SPARE_KIB))" ] || miss no-space "there is not enough space on $6: $((need_kib + SPARE_KIB)) KiB are needed, $4 KiB are free" "free some space on $6"
    done
    unset IFS
}

# ---- being alone ----

# Does another process keep dpkg locked? apt-get check takes the lock, changes nothing, and says so. Its status is left
# in `_checked`.
is_locked() {
    note_times
    ask_apt apt-get check
    _checked=$?
    case ${_said} in *lock*) ;; *) return 1 ;; esac
}

# Note that dpkg is locked. Status 1: that has lasted too long.
wait_second() {
    if [ -z "${waiting}" ]; then
        say "another process works with dpkg: waiting for it, at most ${lock_timeout} s"
        clock
        waiting=${now}
    fi
    clock
    [ "$((now - waiting))" -lt "$((lock_timeout * 100))" ] || return 1
    sleep 1
}

# End because of that. 40
locked_too_long() {
    miss dpkg-locked "another process kept dpkg locked for ${lock_timeout} s" "wait for it to end, or give --lock-timeout more seconds"
}

# Wait for others to end, before all is looked at anew. 40
wait_turn() {
    release_policy
    end_run
    wait_second || locked_too_long
    phases=${first_phases}
    last=${began_plan}
    phase wait
    disks=
}

# Is there anything at PATH? Also a link that leads nowhere.
is_there() {
    [ -e "$1" ] || [ -L "$1" ]
}

# Write a FILE that is not there yet: TEXT. Status 1: somebody else has made it meanwhile, or it cannot be written.
write_new() {
    set -C
    { printf '%s\n' "$2" >"$1"; } 2>/dev/null
    set -- $?
    set +C
    return "$1"
}

# Forbid services to start, by a policy-rc.d that says no. Status 1: another installer has its own there.
# Creating it is also what keeps two installers apart, so that none takes the other's away.
take_policy() {
    # noclobber(1) alone would wait for the reader of a pipe
    if ! is_there "${POLICY}" && write_new "${POLICY}" "#!/bin/sh${NEWLINE}${POLICY_MARK} ${me}${NEWLINE}exit 101"; then
        policy=ours
        chmod 755 "${POLICY}"
        return 0
    fi
    is_there "${POLICY}" || return 0 # /usr/sbin cannot be written to: dpkg will say it better
    read_policy_owner
    if [ -n "${policy_owner}" ]; then
        ! is_alive "${policy_owner}" || return 1
        drop_policy 2>/dev/null || return 0 # of one that was killed, on what has become read-only
    else
        ! says_no || return 0 # the image's own does already: it stays
        mv -f "${POLICY}" "${POLICY_KEPT}" || return 0
    fi
    take_policy
}

# Does the image's own policy-rc.d forbid services to start? One that does not say so soon does not.
says_no() {
    [ -f "${POLICY}" ] || return 1
    "${TIMEOUT}" -k 1 "${POLICY_TIMEOUT}" "${POLICY}" package-cache start >/dev/null 2>&1 </dev/null
    [ $? = 101 ]
}

# Set `policy_owner` to the identity of the installer whose policy-rc.d is there; empty where it is the image's own.
read_policy_owner() {
    policy_owner=
    [ -f "${POLICY}" ] || return # a pipe would be waited for
    while read -r _line; do
        case ${_line} in "${POLICY_MARK} "*) policy_owner=${_line##* } ;; *) ;; esac
    done <"${POLICY}"
}

# Take our policy-rc.d away; one that a package has brought meanwhile stays.
release_policy() {
    [ "${policy}" = ours ] || return 0
    policy=
    policy_owner=${me}
    ! is_there "${POLICY}" || read_policy_owner
    if [ "${policy_owner}" = "${me}" ]; then drop_policy; else rm -rf "${POLICY_KEPT}"; fi
}

# Put the image's own policy-rc.d back, or none.
drop_policy() {
    # mv(1) puts no folder over a file, nor a link over what it leads to
    if [ ! -f "${POLICY_KEPT}" ] || [ -L "${POLICY_KEPT}" ]; then rm -f "${POLICY}" || return; fi
    ! is_there "${POLICY_KEPT}" || mv -f "${POLICY_KEPT}" "${POLICY}"
}

# ---- what a run leaves for a later one, if it is killed ----

# Set `identity` of the process PID, which a later process of the same number has not: PID-START (proc(5), stat).
identify() {
    identity=$1-
    _stat=
    { read -r _stat <"/proc/$1/stat"; } 2>/dev/null
    set -- "$1" ${_stat##*) }
    case ${2:-} in
        '' | Z | X) ;; # a zombie is dead
        *)
            shift 20
            identity=${identity}$1
            ;;
    esac
}

# Is the process of an IDENTITY still there?
is_alive() {
    identify "${1%%-*}"
    [ "${identity}" = "$1" ] && kill -0 "${1%%-*}" 2>/dev/null
}

# Take away what killed installers left: folders in /run, and a policy-rc.d.
sweep() {
    set +f
    for _path in /run/package-cache.*; do
        _who=${_path#/run/package-cache.}
        [ ! -d "${_path}" ] || is_alive "${_who}" || rm -rf "${_path}"
    done
    set -f
    if is_there "${POLICY}"; then
        read_policy_owner
        [ -z "${policy_owner}" ] || is_alive "${policy_owner}" || drop_policy 2>/dev/null
    elif is_there "${POLICY_KEPT}"; then
        mv -f "${POLICY_KEPT}" "${POLICY}"
    fi
}

# Note what is about to be touched, and keep some space for undoing it. 41 42
begin_run() {
    [ -w "${POLICY%/*}" ] || miss read-only "${POLICY%/*} cannot be written to" "give the container a root file system that can be written to"
    run=${RUNS}/${me}
    write_run 2>"${work}/said" && return
    _said=$(cat "${work}/said")
    case ${_said} in
        *[Rr]'ead-only file system'*) miss read-only "${RUNS%/*} is on a read-only file system" "give the container a root file system that can be written to" ;;
        *) miss no-space "no files can be written in ${RUNS%/*}: ${_said}" "free some space or inodes there" ;;
    esac
}

# Write the folder of this run: a ballast, and what would have to be taken back, one package a line.
write_run() {
    mkdir -p "${run}/ballast" || return
    for _name in ${BALLAST_FILES}; do printf '' >"${run}/ballast/${_name}" || return; done
    _bytes=$((BALLAST_KIB * 1024))
    fallocate -l "${_bytes}" "${run}/ballast/0" 2>/dev/null || head -c "${_bytes}" /dev/zero >"${run}/ballast/0" || return
    {
        printf 'pool %s\n' "${pool}" &&
            printf 'file %s\n' ${file_of} &&
            printf 'fresh %s\n' ${fresh:-} &&
            printf 'leftover %s\n' ${leftover:-} &&
            printf 'automatic %s\n' ${automatic:-} &&
            printf 'end\n'
    } >"${run}/plan"
}

# Forget this run: nothing of it is left to be taken back.
end_run() {
    [ -n "${run}" ] || return 0
    forget "${run}"
    run=
}

# Note, once, the times of folders in which something will lie for a moment, and of dpkg's locks, which dpkg and apt
# truncate. 41
note_times() {
    [ -z "${noted}" ] || return 0
    noted=yes
    _number=0
    for _path in ${TIMED}; do
        _number=$((_number + 1))
        [ ! -e "${_path}" ] || touch -r "${_path}" "${work}/time.${_number}" 2>/dev/null || no_work
    done
}

# Give them back, for nothing was changed.
restore_times() {
    [ -n "${work}" ] || return 0
    _number=0
    for _path in ${TIMED}; do
        _number=$((_number + 1))
        [ ! -e "${work}/time.${_number}" ] || touch -r "${work}/time.${_number}" "${_path}" 2>/dev/null
    done
}

# Remove the folder of a run and what is not needed without it: PATH...
forget() {
    rm -rf "$@"
    rmdir "${RUNS}" 2>/dev/null
}

# Set `_file` to the hash of a planned package's file: NAME.
find_file() {
    _file=${file_of#*" $1/"}
    _file=${_file%% *}
}

# Put dpkg in order where an earlier run was killed in the middle of it. 40
recover() {
    [ -d "${RUNS}" ] || return 0
    set +f
    set -- "${RUNS}"/*
    set -f
    for _run in "$@"; do
        if [ ! -d "${_run}" ] || is_alive "${_run##*/}"; then continue; fi
        if read_run "${_run}"; then recover_run "${_run}"; else forget "${_run}"; fi
    done
}

# The same for the FOLDER of one run. A dpkg that it started may still be at work: its lock is waited for.
recover_run() {
    killed=$1
    say "an earlier run was killed before it ended: putting dpkg in order first"
    unchanged='nothing was changed but what an earlier run had left'
    read_architecture
    make_work
    note_times
    touched=recovering
    until take_policy; do wait_second || locked_too_long; done
    rm -rf "${killed}/ballast"
    run_patiently "${DPKG}" ${DPKG_OPTIONS} --configure -a
    ! met_lock || locked_too_long
    if ! is_sane; then
        keep_broken
        take_back
    fi
    if is_sane; then
        keep_whole
        [ -z "${automatic}" ] || ask_apt apt-mark auto ${automatic}
        forget "${killed}" "${APT_MARKS_NEW}"
    else
        complain "dpkg is not in order yet: see dpkg --audit"
        culprit='an earlier run of this that was killed'
    fi
    release_policy
    touched=no
    disks=
}

# Read the FOLDER of a run into pool, file_of, planned, fresh, leftover, automatic. Status 1: it had touched nothing yet,
# for its plan is not there or has no end.
read_run() {
    planned='' fresh='' leftover='' automatic='' file_of=' '
    _end=
    [ -f "$1/plan" ] || return
    while read -r _key _value; do
        case ${_key}:${_value} in
            end:) _end=yes ;;
            *:) ;;
            pool:*) pool=${_value} ;;
            file:*)
                file_of="${file_of}${_value} "
                planned="${planned} ${_value%%/*}"
                ;;
            fresh:*) fresh="${fresh} ${_value}" ;;
            leftover:*) leftover="${leftover} ${_value}" ;;
            automatic:*) automatic="${automatic} ${_value}" ;;
            *) ;;
        esac
    done <"$1/plan"
    [ -n "${_end}" ]
}

# Take those from `automatic` that are not whole.
keep_whole() {
    known=$(query "${PACKAGE_LINE}" ${automatic})
    _whole=
    for _name in ${automatic}; do is_whole "${_name}" && _whole="${_whole} ${_name}"; done
    automatic=${_whole}
}

# Take those from fresh and leftover that are whole: somebody may have come to need them since.
keep_broken() {
    known=$(query "${PACKAGE_LINE}" ${fresh} ${leftover})
    _fresh=
    _leftover=
    for _name in ${fresh}; do is_whole "${_name}" || _fresh="${_fresh} ${_name}"; done
    for _name in ${leftover}; do is_whole "${_name}" || _leftover="${_leftover} ${_name}"; done
    fresh=${_fresh}
    leftover=${_leftover}
}

# Is a package among `known` in a state (dpkg(1), package states)? NAME PATTERN.
is_in_state() {
    for _known in ${known}; do
        # shellcheck disable=SC2254  # the state is a pattern on purpose
        case ${_known} in "${1%%:*}/"*/$2) return 0 ;; *) ;; esac
    done
    return 1
}

# Is a package among `known` installed and configured?
is_whole() {
    is_in_state "$1" '[ih]i'
}

# Is dpkg's database whole, and everything that is installed has what it depends on?
is_sane() {
    [ -z "$("${DPKG}" --audit 2>&1)" ] && ask_apt apt-get -o Debug::NoLocking=true check
}

# ---- installing ----

# Run a command in the background, its output to a new one of `logs`, so that a signal is heard at once; with an end, so
# that a script that hangs is not waited for for ever; and without the terminal, on which a question would hang. Gives its
# status.
run_logged() {
    runs=$((runs + 1))
    log=${work}/log.${runs}
    logs="${logs} ${log}"
    ${session} "${TIMEOUT}" -k "${KILL_AFTER}" "${install_timeout}" "$@" >"${log}" 2>&1 </dev/null &
    child=$!
    wait "${child}"
    _status=$?
    [ "${_status}" -lt 124 ] || kill_group
    child=
    return "${_status}"
}

# Kill what outlives the end of `child` in its process group: a package's script that hears no signal, or whose dpkg was
# killed. Written so because dash takes no "--" after "kill -KILL", and busybox none at all.
kill_group() {
    kill -KILL "-${child}" 2>/dev/null
}

# Did the last one fail only because another process has dpkg's lock? dpkg and apt take it before they do anything.
# "... is locked by another process" (dpkg 1.18), "... was locked by another process with pid 7" (from 1.19.1 on),
# "... was locked by /usr/bin/apt process with pid 7" (from 1.22 on).
met_lock() {
    case $(cat "${log}") in *' locked by '*' process'* | *'Could not get lock'*) ;; *) return 1 ;; esac
}

# The same as run_logged, but while the lock is another's wait and try again.
run_patiently() {
    while :; do
        run_logged "$@" && return
        _failed=$?
        met_lock || return "${_failed}"
        wait_second || return "${_failed}"
    done
}

# Install the plan's files, in apt's order. Status 0: done; 1: dpkg was locked, nothing happened; 2: it failed.
install_files() {
    if [ -n "${steps}" ]; then
        install_in_steps
        return
    fi
    set --
    for _hash in ${files}; do set -- "$@" "${pool}/${_hash}.deb"; done
    run_first --install "$@"
}

# The first dpkg run, before which nothing was touched. Statuses as above.
run_first() {
    touched=yes
    run_logged "${DPKG}" ${DPKG_OPTIONS} "$@" && return 0
    met_lock || return 2
    touched=no
    return 1
}

# The same in the fewest dpkg runs that `steps` allow.
install_in_steps() {
    set --
    _names=
    for _step in ${steps}; do
        case ${_step} in
            -*) _names="${_names} ${_step#-}" ;;
            *)
                if [ -n "${_names}" ]; then
                    unpack_and_configure "${_names}" "$@" || return
                    set --
                    _names=
                fi
                set -- "$@" "${pool}/${_step#+}.deb"
                ;;
        esac
    done
    unpack_and_configure --pending "$@"
}

# Unpack and configure: PACKAGES FILE... Statuses as those of install_files.
unpack_and_configure() {
    _packages=$1
    shift
    if [ "${touched}" = no ]; then
        run_first --unpack "$@" || return
    else
        run_patiently "${DPKG}" ${DPKG_OPTIONS} --unpack "$@" || return 2
    fi
    run_patiently "${DPKG}" ${DPKG_OPTIONS} --configure ${_packages} || return 2
}

# The second way, where dpkg alone does not do it: apt, from the same files. What dpkg left half done is ours alone, for
# it was sane before: --fix-broken, which takes no names, completes it.
install_by_apt() {
    say "${groups}: dpkg alone did not do it; trying apt's way"
    ln -s "${cache}" "${work}/cache" # spares apt every unusual sign of the cache's path
    set -- env APT_CONFIG="${work}/apt.conf" TMPDIR="${work}" apt-get -y --no-remove
    run_patiently "$@" --fix-broken install && run_patiently "$@" install ${missing}
}

# Sort the planned packages: `fresh` were not here before, of `leftover` only the conffiles were. Those of them that come
# as dependencies are `automatic`.
sort_planned() {
    fresh=
    leftover=
    known=$(query "${PACKAGE_LINE}" ${planned})
    for _name in ${planned}; do
        _found=
        for _known in ${known}; do
            case ${_known} in
                "${_name%%:*}"/*/?n) ;;
                "${_name%%:*}"/*/?c) _found=conffiles ;;
                "${_name%%:*}"/*) _found=yes ;;
                *) ;;
            esac
        done
        case ${_found} in
            '') fresh="${fresh} ${_name}" ;;
            conffiles) leftover="${leftover} ${_name}" ;;
            *) ;;
        esac
    done
    automatic=
    for _name in ${fresh} ${leftover}; do
        _asked=
        for _request in ${requests}; do
            _request=${_request%%=*}
            [ "${_request%%:"${architecture}"}" != "${_name}" ] || _asked=yes
        done
        [ -n "${_asked}" ] || automatic="${automatic} ${_name}"
    done
}

# Take back what this run did. Sets `undone` to what was done.
undo() {
    rm -rf "${run}/ballast"
    take_back
    if is_sane; then
        undone='undone: the packages that came were removed again, and dpkg is sane'
        end_run
    else
        undone='not wholly undone: see dpkg --audit; the next run of this goes on with it'
        run= # stays for the next one
    fi
    touched=no
}

# Take the packages away that were not here before, and complete those that were, so that dpkg is sane again.
take_back() {
    unpack_again
    [ -z "${fresh}" ] || run_patiently "${DPKG}" --force-remove-reinstreq --purge ${fresh}
    [ -z "${leftover}" ] || run_patiently "${DPKG}" --force-remove-reinstreq --remove ${leftover}
    run_patiently "${DPKG}" ${DPKG_OPTIONS} --configure -a
    if [ -n "${fresh}" ] && ! is_sane; then
        # A package whose own script does not let it go. It came a moment ago: its scripts have no say.
        for _name in ${fresh}; do
            rm -f "${DPKG_STATE}/info/${_name}.prerm" "${DPKG_STATE}/info/${_name}.postrm" \
                "${DPKG_STATE}/info/${_name}:${architecture}.prerm" "${DPKG_STATE}/info/${_name}:${architecture}.postrm"
        done
        run_patiently "${DPKG}" --force-remove-reinstreq --purge ${fresh}
        run_patiently "${DPKG}" ${DPKG_OPTIONS} --configure -a
    fi
}

# Unpack those again whose unpacking broke off, so that dpkg knows all their files. Of one that is being upgraded half
# is not there any more, so that nothing else completes it.
unpack_again() {
    known=$(query "${PACKAGE_LINE}" ${planned})
    set --
    for _name in ${planned}; do
        is_in_state "${_name}" '?H*' || continue # half-installed
        find_file "${_name}"
        _file=${_file}.deb
        printf '%s  %s\n' "${_file%.deb}" "${pool}/${_file}" | sha256sum -c >/dev/null 2>&1 || continue
        set -- "$@" "${pool}/${_file}"
    done
    [ $# = 0 ] || run_patiently "${DPKG}" ${DPKG_OPTIONS} --unpack "$@"
}

# Mark the packages that came as dependencies as such, as apt would.
mark() {
    [ -z "${automatic}" ] || add_marks 2>/dev/null || ask_apt apt-mark auto ${automatic} ||
        complain "cannot mark the dependencies as automatically installed"
}

# Add their marks to apt's file, in one rename, as apt-mark(8) does. Status 1: one of them has a mark already, or the file is
# not as apt leaves it, or cannot be written, so that apt shall see to it.
add_marks() {
    _marks=
    if is_there "${APT_MARKS}"; then
        [ -f "${APT_MARKS}" ] && [ ! -L "${APT_MARKS}" ] && _marks=$(cat "${APT_MARKS}") || return
    fi
    _new=
    split_lines "${_marks}"
    for _line in ${lines}; do
        _name=${_line#Package: }
        case "${automatic} " in *" ${_name} "* | *" ${_name}:"*) _new=known ;; *) ;; esac
    done
    unset IFS
    [ -z "${_new}" ] || return
    for _name in ${automatic}; do
        case ${_name} in *:*) _arch=${_name#*:} ;; *) _arch=${architecture} ;; esac
        _new="${_new}Package: ${_name%%:*}${NEWLINE}Architecture: ${_arch}${NEWLINE}Auto-Installed: 1${NEWLINE}${NEWLINE}"
    done
    printf '%s' "${_marks:+${_marks}${NEWLINE}${NEWLINE}}${_new}" >"${APT_MARKS_NEW}" && mv -f "${APT_MARKS_NEW}" "${APT_MARKS}" && return
    rm -f "${APT_MARKS_NEW}"
    return 1
}

# End because of what dpkg or a package's script did: show the log, undo. CAUSE. 50
fail() {
    _said=
    for _log in ${logs}; do [ ! -s "${_log}" ] || _said=yes; done
    [ -z "${_said}" ] || {
        complain "the last lines of dpkg's output:"
        cat ${logs} | tail -n "${LOG_LINES}" >&2
    }
    undo
    complain "cannot install ${groups}: $1"
    complain "${undone}; next step: read the lines above, or use the fallback of this image"
    finish install-failed "$1; ${undone}"
}

# Set the variables that programs below read, and take those away that would lead them, or the packages' scripts, astray.
set_environment() {
    unset IFS CDPATH ENV BASH_ENV
    [ -n "${BASH_VERSION-}" ] || unset SHELLOPTS BASHOPTS # a bash does not let go of them
    unset DPKG_ROOT DPKG_ADMINDIR DPKG_FORCE DPKG_FRONTEND_LOCKED APT_CONFIG
    unset DEBIAN_HAS_FRONTEND DEBCONF_REDIR DEBCONF_SYSTEMRC DEBCONF_DB_OVERRIDE DEBCONF_DEBUG
    unset LD_PRELOAD LD_LIBRARY_PATH PERL5OPT PERL5LIB PERLLIB PYTHONHOME PYTHONPATH
    [ -d "${TMPDIR:-/}" ] || unset TMPDIR
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBIAN_PRIORITY=critical
    umask 022
    [ -x "${TIMEOUT}" ] || TIMEOUT=timeout
    session=
    ! command -v setsid >/dev/null 2>&1 || session=setsid # where there is none, a question on a terminal waits for its end
}

# Plan, check and install, starting anew while another process works with dpkg.
install_missing() {
    need_root_and_tools
    make_work
    link_indexes
    phase index
    first_phases=${phases}
    began_plan=${last}
    while :; do
        if plan; then
            if [ -z "${files}" ]; then
                check_all || miss no-plan "apt finds nothing to install, but ${wrong}" "rebuild the cache, or use the fallback of this image"
                return
            fi
            set -- ${files}
            as_megabytes "${bytes}"
            start_hashing
            plan_steps
            phase plan
            sort_planned
            note_times
            verify
            phase verify
            check_space
            count_packages "$#"
            say "${groups}: ${counted} to install, ${megabytes}, all hashes fit"
            begin_run
            if take_policy; then
                phase begin
                install_files
                case $? in
                    0) return ;;
                    2)
                        install_by_apt || fail "dpkg or a package's own script ended with an error"
                        return
                        ;;
                    *) ;;
                esac
            fi
        fi
        wait_turn
        look && return
    done
}

# Begin. ARGUMENTS...
main() {
    cache='' result='' lock_timeout=${LOCK_TIMEOUT} install_timeout=${INSTALL_TIMEOUT} verbose='' groups='' bad=''
    architecture='' requests='' provides='' pre_dependencies='' images='' image_indexes='' image='' installed_kib=0 recommends=false missing='' planned='' files='' logs='' runs=0 noted='' disks='' hashers=''
    installed=0 already_there=0 phases='' reason=internal message='' work='' run='' child='' touched=no untouched='' policy='' waiting=''
    recovered='' unchanged='nothing was changed' culprit='somebody else'
    set_environment
    clock
    began=${now}
    last=${now}
    trap tidy_up EXIT
    trap 'interrupted INT' INT
    trap 'interrupted TERM' TERM
    trap 'interrupted HUP' HUP
    trap : PIPE # not ignored: that would be handed down to every program
    parse "$@"
    identify "${$}"
    me=${identity}
    if [ -w "${DPKG_STATE}/status" ]; then
        sweep
        recover
    fi
    find_cache
    for _tool in "${DPKG}" "${DPKG_QUERY}"; do
        [ -x "${_tool}" ] || miss no-dpkg "there is no dpkg here: this is not an image of the Debian family" "use the fallback of this image"
    done
    need_tools sha256sum
    read_system
    read_groups
    look
    _all=$?
    [ "${looked}" -lt 2 ] || unreadable # 1: it does not know all of them
    already_there=${there}
    phase present
    if [ "${_all}" = 0 ]; then
        say "${groups}: already there, nothing to do"
        finish installed "already there"
    fi
    install_missing
    set -- ${planned}
    phase install
    if [ "${touched}" = yes ]; then
        [ -z "${verbose}" ] || cat ${logs}
        check_all || fail "${wrong}"
        phase check
        mark # only now: what is taken back must leave no mark
        phase mark
        trap '' INT TERM HUP # all is installed, and the status shall say so
        touched=no
        installed=$#
    fi
    clock
    as_seconds "$((now - began))"
    count_packages "${installed}"
    say "${groups} installed: ${counted} in ${seconds} s, 0 bytes from the network"
    finish installed "${counted} installed"
}

main "$0" "$@"
