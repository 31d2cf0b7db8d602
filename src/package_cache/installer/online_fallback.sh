#!/bin/sh
# Install packages from the image's own apt sources: patient with what passes, strict about signatures.
#
#   sh online_fallback.sh [--recommends] [--limit SECONDS] [--] PACKAGE...
#
# Exit 0: every package is installed and configured here, checked against dpkg's own database.
# Any other status, those of status_of: not all are. What is promised stands in docs/plugins.md.
#
# Needs sh, dpkg, apt-get, coreutils, grep and sed, which are essential in all of the family. Variables are global, for
# POSIX sh has no others; those of one function only begin with "_".

# shellcheck disable=SC2086  # lists are split into words on purpose; check_package vouches for the signs of names
# shellcheck disable=SC2310  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2312  # as above
# shellcheck disable=SC2317  # shellcheck 0.9 does not see what traps call
set +e -fu # whatever options a caller's `sh -e` brings

# ---- values ----

LIMIT=1800          # seconds for all of it
LOCK_TIMEOUT=300    # seconds that another process may keep dpkg locked
UPDATE_TIMEOUT=300  # seconds for all sources' lists, so that one which drips has an end
SILENCE=15          # seconds after which apt gives a silent source up
RETRIES=1           # of apt's own, for each file
PAUSES="2 6 18"     # seconds before each further attempt
KILL_AFTER=10       # seconds until what does not end is killed
LOG_LINES=20        # how much of dpkg's output is shown where it failed
STATE=/var/lib/apt  # has the lists in every image, so it has room for ours
DPKG=/usr/bin/dpkg  # with its path, for a busybox sh may take its own dpkg for it; so with those below
DPKG_QUERY=/usr/bin/dpkg-query
TIMEOUT=/usr/bin/timeout
KEEP_CONFFILES='--force-confdef --force-confold'
# shellcheck disable=SC2016  # what dpkg-query and apt-get expand, not we
PACKAGE_LINE='${Architecture}/${Version}/${db:Status-Abbrev}\n'
# shellcheck disable=SC2016  # as above
PROVIDES_LINE='${db:Status-Abbrev}, ${Provides},\n'
# shellcheck disable=SC2016  # as above
TARGET_LINE='$(TRUSTED) $(FILENAME)'

# Options of apt.conf(5). On the command line they prevail over the image's configuration, which else is honoured:
# its sources, keys, pins, proxies, hooks. Before 1.5 apt takes unsigned lists where nobody forbids it.
STRICT='APT::Get::AllowUnauthenticated=false APT::Get::Force-Yes=false Acquire::AllowInsecureRepositories=false
    Acquire::AllowWeakRepositories=false Acquire::AllowDowngradeToInsecureRepositories=false'
# Retries::Delay: from 2.3.2 on apt would wait up to 30 s between retries. Lock::Timeout: apt has it from 1.9.11 on only.
PATIENCE="Acquire::Retries=${RETRIES} Acquire::Retries::Delay=false Acquire::http::Timeout=${SILENCE}
    Acquire::https::Timeout=${SILENCE} Acquire::ftp::Timeout=${SILENCE} DPkg::Lock::Timeout=0"
HABITS='APT::Get::Assume-Yes=true APT::Get::Remove=false APT::Get::allow-downgrades=false
    APT::Get::allow-change-held-packages=false APT::Install-Suggests=false Acquire::Languages=none Dpkg::Use-Pty=0
    Dpkg::Options::=--force-confdef Dpkg::Options::=--force-confold'

# Give the exit status of a reason, in `status`: those numbers of values/statuses.py; a test holds them together.
status_of() {
    case $1 in
        installed) status=0 ;;
        usage) status=2 ;;
        not-root) status=20 ;;
        no-dpkg) status=21 ;;
        dpkg-locked) status=40 ;;
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

# Print a line on standard error.
complain() {
    printf 'package-cache: %s\n' "$*" >&2 2>/dev/null || :
}

# End with REASON; the EXIT trap tidies up.
finish() {
    status_of "$1"
    exit "${status}"
}

# End without the packages: REASON CAUSE NEXT-STEP.
give_up() {
    complain "cannot install ${missing:-${packages}} online: $2"
    complain "next step: $3"
    finish "$1"
}

# The EXIT trap.
tidy_up() {
    trap '' INT TERM HUP
    [ -z "${work}" ] || rm -rf "${work}"
}

# The trap of signals: end what runs. SIGNAL
interrupted() {
    trap '' INT TERM HUP
    [ -z "${child}" ] || end_child
    complain "cannot go on: SIG$1 came; run it again, that puts dpkg in order first"
    finish interrupted
}

# End the command that runs, with all of its process group.
end_child() {
    kill -TERM "${child}" 2>/dev/null # timeout(1) hands it on
    wait "${child}"
    kill_group
    child=
}

# End because apt did not do it: show its own words. CAUSE
fail() {
    if grep -q '^E: Sub-process ' "${work}/last"; then
        complain "the last lines of dpkg's output:"
        tail -n "${LOG_LINES}" "${work}/last" >&2
    fi
    complain "apt's own words:"
    sed -n -e '/^[EW]: /p' -e '/^The following packages have unmet/p' -e '/^ [^ ]/p' "${work}/log" >&2
    give_up install-failed "$1" "read the lines above; are the image's apt sources reachable, signed and of this release?"
}

# ---- what was asked for ----

# End for a command line that makes no sense. CAUSE
misuse() {
    complain "cannot understand the command line: $1"
    complain "usage: sh online_fallback.sh [--recommends] [--limit SECONDS] [--] PACKAGE..."
    finish usage
}

# Read the command line into packages, recommends, limit.
parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --recommends) recommends=true ;;
            --limit)
                case ${2:-} in '' | *[!0-9]* | ????????*) misuse "--limit takes whole seconds, not '${2:-}'" ;; *) ;; esac
                limit=$2
                shift
                ;;
            --)
                shift
                break
                ;;
            -*) misuse "there is no option $1" ;;
            *) break ;;
        esac
        shift
    done
    for _package in "$@"; do check_package "${_package}"; done
    packages=$*
    [ -n "${packages}" ] || misuse "name at least one package"
}

# Refuse what is no package's name, perhaps with an architecture or version (values/names.py): PACKAGE
check_package() {
    case ${1%%[:=]*} in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789.+-]* | *-) misuse "'$1' is no package's name" ;;
        *) ;;
    esac
    case $1 in *[!a-zA-Z0-9.+:=~-]*) misuse "'$1' is no package's name" ;; *) ;; esac
}

# ---- what is here already ----

# Set `missing` to the packages that dpkg does not have installed. Status 0: all are there.
look() {
    missing=
    for _package in ${packages}; do
        is_installed "${_package}" || is_provided "${_package}" || missing=${missing:+${missing} }${_package}
    done
    [ -z "${missing}" ]
}

# Is a package installed and configured? Holding it (`hi`) does not make it less so.
is_installed() {
    _version='*'
    case $1 in *=*) _version=${1#*=} ;; *) ;; esac
    _name=${1%%=*}
    _architecture=${architecture}
    case ${_name} in *:*) _architecture=${_name#*:} ;; *) ;; esac
    for _known in $("${DPKG_QUERY}" -W -f "${PACKAGE_LINE}" "${_name%%:*}" 2>/dev/null); do
        # shellcheck disable=SC2254  # the version may be a pattern; no other value here holds a pattern's sign
        case ${_known} in
            "${_architecture}/"${_version}/[ih]i | all/${_version}/[ih]i) return 0 ;;
            *) ;;
        esac
    done
    return 1
}

# Is a package that is virtual provided by an installed one?
is_provided() {
    case $1 in *[=:]*) return 1 ;; *) ;; esac
    "${DPKG_QUERY}" -W -f "${PROVIDES_LINE}" 2>/dev/null | grep '^[ih]i ' | grep -qF -e ", $1," -e ", $1 ("
}

# ---- running things ----

# Set `left` to the seconds that are left of the limit.
look_at_clock() {
    left=$((began + limit - $(date +%s)))
}

# Run a command in the background, so that a signal is heard at once, with an end after SECONDS, without the terminal.
# Its output goes to the file `last` and is added to the log. SECONDS COMMAND... Gives its status.
run() {
    : >"${work}/last"
    look_at_clock
    [ "${left}" -gt 0 ] || return 124
    _seconds=$1
    shift
    [ "${_seconds}" -le "${left}" ] || _seconds=${left}
    if [ -x "${TIMEOUT}" ]; then set -- "${TIMEOUT}" -k "${KILL_AFTER}" "${_seconds}" "$@"; fi
    ${session} "$@" >"${work}/last" 2>&1 </dev/null &
    child=$!
    wait "${child}"
    _status=$?
    [ "${_status}" -lt 124 ] || kill_group
    child=
    cat "${work}/last" >>"${work}/log"
    return "${_status}"
}

# The same, but while another process has dpkg's lock wait and try again. COMMAND... 40
run_patiently() {
    _waited=0
    while :; do
        run "${limit}" "$@" && return
        _failed=$?
        if ! met_lock && { [ "${_waited}" = 0 ] || [ -s "${work}/last" ]; }; then return "${_failed}"; fi
        [ "${_waited}" != 0 ] || say "another process works with dpkg: waiting for it, at most ${LOCK_TIMEOUT} s"
        look_at_clock
        if [ "${_waited}" -ge "${LOCK_TIMEOUT}" ] || [ "${left}" -le 1 ]; then
            give_up dpkg-locked "another process kept dpkg locked for ${_waited} s" "find out which one works with dpkg here, and wait for it to end"
        fi
        sleep 1
        _waited=$((_waited + 1))
    done
}

# Kill what outlives the end of `child` in its process group: a package's script that hears no signal, or whose dpkg was
# killed. Written so because dash takes no "--" after "kill -KILL", and busybox none at all.
kill_group() {
    kill -KILL "-${child}" 2>/dev/null
}

# Did the last command fail only because another process has dpkg's lock? dpkg and apt take it before they do anything.
# "... is locked by another process" (dpkg 1.18), "... was locked by another process with pid 7" (from 1.19.1 on),
# "... was locked by /usr/bin/apt process with pid 7" (from 1.22 on).
met_lock() {
    grep -qE ' locked by .* process|Could not get lock|Unable to lock the administration directory' "${work}/last"
}

# Print the options of apt-get: lists and downloads are our own, so that stale or unsigned ones of the image, and
# others' locks on them, do not matter, and the image's stay as they are.
print_options() {
    for _option in ${STRICT} ${PATIENCE} ${HABITS} APT::Install-Recommends="${recommends}" \
        Dir::State::lists="${work}/lists" Dir::Cache="${work}" Dir::Cache::archives="${work}/archives" \
        Dir::Cache::pkgcache= Dir::Cache::srcpkgcache=; do
        printf ' -o %s' "${_option}"
    done
}

# ---- installing ----

# Make `work`, a folder of this run, where apt's unprivileged downloader can enter; take away those of runs that were
# killed. 50
make_work() {
    set +f
    for _path in "${STATE}"/package-cache-online.*; do
        [ ! -d "${_path}" ] || kill -0 "${_path##*.}" 2>/dev/null || rm -rf "${_path}"
    done
    set -f
    work=${STATE}/package-cache-online.${$}
    rm -rf "${work}"
    mkdir -p "${work}/lists/partial" "${work}/archives/partial" && : >"${work}/log" && return
    give_up install-failed "no folder can be made in ${STATE}" "give the container a root file system that can be written to"
}

# Complete what others left half done, as far as it can be. Sets `broken` where dependencies are unmet.
put_in_order() {
    run_patiently "${DPKG}" ${KEEP_CONFFILES} --configure -a || complain "dpkg --configure -a does not complete all that was left half done; going on"
    broken=
    run "${limit}" apt-get ${options} -o Debug::NoLocking=true check || broken=yes
}

# Fetch the lists of all sources. Some may fail: what the others have may be enough.
update() {
    say "reading the lists of the image's apt sources"
    run "${UPDATE_TIMEOUT}" apt-get -q ${options} update || say "not all sources can be used; going on with those that can"
    drop_untrusted
}

# Take the lists away of which apt says that nobody signed them, which it reads where a source has allow-insecure=yes:
# a package of theirs that is newer would keep apt from installing at all.
drop_untrusted() {
    apt-get ${options} indextargets --format "${TARGET_LINE}" 2>/dev/null >"${work}/targets"
    while read -r _trusted _file; do
        if [ "${_trusted}" = no ]; then rm -f "${_file}"; fi
    done <"${work}/targets"
}

# Is every missing package's name one that apt knows? If not, it would take one with a dot for a regular expression and
# install all that match, and one with a plus at its end for a command (apt-get(8), install).
names_are_known() {
    for _package in ${missing}; do
        _name=${_package%%[:=]*}
        case ${_name} in *.* | *+) ;; *) continue ;; esac
        apt-cache ${options} --all-names pkgnames "${_name}" 2>/dev/null | grep -qxF -e "${_name}" && continue
        printf 'E: Unable to locate package %s\n' "${_package}" >>"${work}/log"
        return 1
    done
}

# Fetch lists, then install what is missing, once. Status 0: all packages are there.
attempt() {
    : >"${work}/log"
    update
    [ -z "${broken}" ] || run_patiently apt-get -q ${options} --fix-broken install
    names_are_known || return
    say "installing ${missing}"
    run_patiently apt-get -q ${options} install ${missing}
    _apt=$?
    look || return
    [ "${_apt}" = 0 ] || complain "apt-get ended with status ${_apt}, but all packages are installed"
}

# May the same succeed in a while, for it was the network that failed?
may_pass() {
    grep -qE '^[EW]: (Failed to fetch|Unable to fetch|Some index files failed)' "${work}/log"
}

# Attempt it until it succeeds, while it may pass and there is time. 50
install_patiently() {
    attempt && return
    for _pause in ${PAUSES}; do
        may_pass || break
        look_at_clock
        [ "${left}" -gt "${_pause}" ] || break
        say "what failed may pass: trying again in ${_pause} s"
        sleep "${_pause}" &
        child=$!
        wait "${child}"
        child=
        attempt && return
    done
    look_at_clock
    [ "${left}" -gt 0 ] || fail "the limit of ${limit} s is over"
    fail "dpkg does not have them installed"
}

# Set the variables that programs below read, and take those away that would lead them astray.
set_environment() {
    unset IFS CDPATH DPKG_ROOT DPKG_ADMINDIR DPKG_FORCE DPKG_FRONTEND_LOCKED DEBCONF_DB_OVERRIDE DEBCONF_DEBUG
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBIAN_PRIORITY=critical
    umask 022
    session=
    ! command -v setsid >/dev/null 2>&1 || session=setsid
}

# Begin. ARGUMENTS...
main() {
    packages='' recommends=false limit=${LIMIT} missing='' work='' child='' broken=''
    set_environment
    began=$(date +%s)
    parse "$@"
    [ -x "${DPKG_QUERY}" ] || give_up no-dpkg "there is no dpkg here: this is not an image of the Debian family" "use the image's own package manager"
    architecture=$("${DPKG}" --print-architecture 2>/dev/null)
    if look; then
        say "${packages}: already there, nothing to do"
        finish installed
    fi
    command -v apt-get >/dev/null 2>&1 || give_up no-dpkg "there is no apt-get here" "use an image that has it"
    [ "$(id -u)" = 0 ] || give_up not-root "this is not root" "run it as root"
    trap tidy_up EXIT
    trap 'interrupted INT' INT
    trap 'interrupted TERM' TERM
    trap 'interrupted HUP' HUP
    trap : PIPE # not ignored: that would be handed down to every program
    make_work
    options=$(print_options)
    put_in_order
    look || install_patiently
    look_at_clock
    say "${packages}: installed online in $((limit - left)) s"
    finish installed
}

main "$@"
