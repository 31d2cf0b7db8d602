#!/bin/sh
# Install packages from the image's own apt sources: patient with what passes, strict about signatures.
#
#   sh online_fallback.sh [--recommends] [--limit SECONDS] [--] PACKAGE...
#
# Exit 0: every package is installed and configured here, checked against dpkg's own database.
# Any other status, those of docs/exit-statuses.md: not all are. What is promised stands in docs/plugins.md.

# It needs sh, dpkg, apt-get, coreutils, grep and sed, which are essential in all of the family. The comment above a
# function says what it does, what it sets, and the exit statuses with which it can end the run.

# shellcheck disable=SC2086  # lists are split into words on purpose; check_package vouches for the characters of names
# shellcheck disable=SC2015  # "a && b || c" is meant to do c also where b fails
# shellcheck disable=SC2310,SC2312  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2317  # shellcheck does not see what traps and for_lines call
# shellcheck disable=SC3043  # every /bin/sh of the family has local (Debian Policy 10.4)
. shared/environment.sh
. shared/report.sh
. shared/statuses.sh
. shared/leave.sh
. shared/clock.sh
. shared/text.sh
. shared/process_groups.sh
. shared/processes.sh
. shared/locks.sh
. shared/packages.sh

LOCK_TIMEOUT=300   # seconds that another process may keep dpkg locked
UPDATE_TIMEOUT=300 # seconds for all sources' lists, so that one which drips has an end
SILENCE=15         # seconds after which apt gives a silent source up
RETRIES=1          # of apt's own, for each file
PAUSES="2 6 18"    # seconds before each further attempt
LOG_LINES=20       # how much of dpkg's output is shown where it failed
LISTS=/var/lib/apt # has the lists in every image, so it has room for ours
KEEP_CONFFILES='--force-confdef --force-confold'
# shellcheck disable=SC2016  # what apt-get expands, not we
TARGET_LINE='$(TRUSTED) $(FILENAME)'

# Options of apt.conf(5). On the command line they prevail over the image's configuration, which else is honoured:
# its sources, keys, pins, proxies, hooks. Before 1.5 apt accepts unsigned lists unless it is told not to.
STRICT='APT::Get::AllowUnauthenticated=false APT::Get::Force-Yes=false Acquire::AllowInsecureRepositories=false
    Acquire::AllowWeakRepositories=false Acquire::AllowDowngradeToInsecureRepositories=false'
# Retries::Delay: from 2.3.2 on apt would wait up to 30 s between retries. Lock::Timeout: apt has it from 1.9.11 on only.
PATIENCE="Acquire::Retries=${RETRIES} Acquire::Retries::Delay=false Acquire::http::Timeout=${SILENCE}
    Acquire::https::Timeout=${SILENCE} Acquire::ftp::Timeout=${SILENCE} DPkg::Lock::Timeout=0"
HABITS='APT::Get::Assume-Yes=true APT::Get::Remove=false APT::Get::allow-downgrades=false
    APT::Get::allow-change-held-packages=false APT::Install-Suggests=false Acquire::Languages=none Dpkg::Use-Pty=0
    Dpkg::Options::=--force-confdef Dpkg::Options::=--force-confold'

# set_state: the state of the run, by the functions that set it; all else is local to a function.
set_state() {
    # parse_arguments
    packages='' recommends=false limit=1800
    # main, find_missing, see_time_left
    architecture='' missing='' database='' began='' left=''
    # make_lists_folder, print_options, put_in_order
    work='' options='' broken=''
    # select_packages, find_provider, find_holder, be_patient, run_unlocked, run_bounded
    known='' provider='' holder='' patience='' lock_timeout='' child=''
}

# give_up REASON CAUSE NEXT-STEP: exit without the packages.
give_up() {
    complain "cannot install ${missing:-${packages}} online: $2"
    complain "next step: $3"
    leave "$1"
}

# remove_work: the EXIT trap.
remove_work() {
    stop_listening
    [ -z "${work}" ] || rm -rf "${work}"
}

# break_off NAME: the trap of signals. 130
break_off() {
    stop_listening
    end_child
    complain "cannot go on: SIG$1 came; run it again, that puts dpkg in order first"
    leave interrupted
}

# show_and_give_up CAUSE: exit because apt did not do it: show its own words. 50
show_and_give_up() {
    if grep -q '^E: Sub-process ' "${work}/last"; then
        complain "the last lines of dpkg's output:"
        tail -n "${LOG_LINES}" "${work}/last" >&2
    fi
    complain "apt's own words:"
    sed -n -e '/^[EW]: /p' -e '/^The following packages have unmet/p' -e '/^ [^ ]/p' "${work}/log" >&2
    give_up install-failed "$1" "read the lines above; are the image's apt sources reachable, signed and of this release?"
}

# refuse CAUSE: exit because of a command line that makes no sense. 2
refuse() {
    complain "cannot understand the command line: $1"
    complain "usage: sh online_fallback.sh [--recommends] [--limit SECONDS] [--] PACKAGE..."
    leave usage
}

# parse_arguments ARGUMENT...: set packages, recommends, limit. 2
parse_arguments() {
    local package=''
    while [ $# -gt 0 ]; do
        case $1 in
            --recommends) recommends=true ;;
            --limit)
                is_number "${2-}" && [ "${#2}" -lt 8 ] && [ "$2" != 0 ] || refuse "--limit takes whole seconds, 1 or more, not '${2-}'"
                limit=$2
                shift
                ;;
            --)
                shift
                break
                ;;
            -*) refuse "there is no option $1" ;;
            *) break ;;
        esac
        shift
    done
    for package in "$@"; do check_package "${package}"; done
    packages=$*
    [ -n "${packages}" ] || refuse "name at least one package"
}

# check_package REQUEST: a package's name, perhaps with an architecture or version (names.py). 2
check_package() {
    case ${1%%[:=]*} in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789.+-]* | *-) refuse "'$1' is no package's name" ;;
        *) ;;
    esac
    case $1 in *[!a-zA-Z0-9.+:=~-]*) refuse "'$1' is no package's name" ;; *) ;; esac
}

# find_missing: set `missing` to the packages that dpkg does not have installed. Status 1: there is none.
find_missing() {
    local package=''
    database=$(query "${PACKAGE_LINE}" 2>/dev/null)
    select_packages ${packages}
    missing=
    for package in ${packages}; do
        is_installed "${package}" || find_provider "${package}" || missing=${missing:+${missing} }${package}
    done
    [ -n "${missing}" ]
}

# see_time_left: set `left` to the seconds that are left of the limit.
see_time_left() {
    clock
    left=$((limit - (now - began) / 100))
}

# run_within SECONDS COMMAND...: run it with an end, at the latest that of the limit; return its status. Its output is in
# the file `last`, and is added to the log.
run_within() {
    local seconds="$1" ended=''
    shift
    : >"${work}/last"
    see_time_left
    [ "${left}" -gt 0 ] || return 124
    [ "${seconds}" -le "${left}" ] || seconds=${left}
    run_bounded "${seconds}" "${work}/last" "$@"
    ended=$?
    cat "${work}/last" >>"${work}/log"
    return "${ended}"
}

# run_unlocked COMMAND...: the same, anew while another process keeps dpkg or debconf locked. 40
run_unlocked() {
    local ended=''
    patience=
    lock_timeout=${LOCK_TIMEOUT}
    see_time_left
    [ "${lock_timeout}" -le "${left}" ] || lock_timeout=${left}
    while :; do
        while find_holder; do be_patient || give_up_lock; done
        run_within "${limit}" "$@" && return
        ended=$?
        was_locked "${work}/last" || return "${ended}"
        be_patient && see_time_left && [ "${left}" -gt 0 ] || give_up_lock
    done
}

# give_up_lock: 40
give_up_lock() { give_up dpkg-locked "dpkg was locked for ${lock_timeout} s: ${holder}" "wait for it to end, then run this again"; }

# print_options: of apt-get. Lists and downloads are our own, so that stale or unsigned ones of the image, and others'
# locks on them, do not matter, and the image's stay as they are.
print_options() {
    local option=''
    for option in ${STRICT} ${PATIENCE} ${HABITS} APT::Install-Recommends="${recommends}" \
        Dir::State::lists="${work}/lists" Dir::Cache="${work}" Dir::Cache::archives="${work}/archives" \
        Dir::Cache::pkgcache= Dir::Cache::srcpkgcache=; do
        printf ' -o %s' "${option}"
    done
}

# make_lists_folder: set `work` to a folder of this run, where apt's unprivileged downloader can enter; remove those of runs
# that were killed. 50
make_lists_folder() {
    local identity=''
    sweep_folders "${LISTS}/package-cache-online"
    identify "${$}"
    work=${LISTS}/package-cache-online.${identity}
    mkdir -p "${work}/lists/partial" "${work}/archives/partial" && : >"${work}/log" && return
    give_up install-failed "no folder can be made in ${LISTS}" "give the container a root file system that can be written to"
}

# put_in_order: complete what others left half done, as far as it can be. Sets `broken` where dependencies are unmet. 40
put_in_order() {
    run_unlocked "${DPKG}" ${KEEP_CONFFILES} --configure -a || complain "dpkg --configure -a does not complete all that was left half done; going on"
    run_within "${limit}" apt-get ${options} -o Debug::NoLocking=true check || broken=yes
}

# fetch_lists: of all sources. Some may fail: what the others have may be enough.
fetch_lists() {
    say "reading the lists of the image's apt sources"
    run_within "${UPDATE_TIMEOUT}" apt-get -q ${options} update || say "not all sources can be used; going on with those that can"
    drop_untrusted
}

# drop_untrusted: remove the lists of which apt says that nobody signed them, which it reads where a source has
# allow-insecure=yes: a package of theirs that is newer would keep apt from installing at all.
drop_untrusted() {
    local trusted='' file=''
    apt-get ${options} indextargets --format "${TARGET_LINE}" 2>/dev/null >"${work}/targets"
    while read -r trusted file; do
        if [ "${trusted}" = no ]; then rm -f "${file}"; fi
    done <"${work}/targets"
}

# names_are_known: every missing package's name is one that apt knows. If not, it would read one with a dot as a regular
# expression and install all that match, and one with a plus at its end as a command (apt-get(8), install).
names_are_known() {
    local package='' name=''
    for package in ${missing}; do
        name=${package%%[:=]*}
        case ${name} in *.* | *+) ;; *) continue ;; esac
        apt-cache ${options} --all-names pkgnames "${name}" 2>/dev/null | grep -qxF -e "${name}" && continue
        printf 'E: Unable to locate package %s\n' "${package}" >>"${work}/log"
        return 1
    done
}

# attempt: fetch lists, then install what is missing, once. Status 0: all packages are there. 40
attempt() {
    local ended=''
    : >"${work}/log"
    fetch_lists
    [ -z "${broken}" ] || run_unlocked apt-get -q ${options} --fix-broken install
    names_are_known || return
    say "installing ${missing}"
    run_unlocked apt-get -q ${options} install ${missing}
    ended=$?
    ! find_missing || return
    [ "${ended}" = 0 ] || complain "apt-get ended with status ${ended}, but all packages are installed"
}

# may_pass: the same may succeed in a while, because the network failed, or another process had dpkg locked just then.
may_pass() {
    grep -qE '^[EW]: (Failed to fetch|Unable to fetch|Some index files failed)' "${work}/log" || says_locked "${work}/log"
}

# install_online: attempt it until it succeeds, while it may pass and there is time. 40 50
install_online() {
    local pause=''
    attempt && return
    for pause in ${PAUSES}; do
        may_pass || break
        see_time_left
        [ "${left}" -gt "${pause}" ] || break
        say "what failed may pass: trying again in ${pause} s"
        run_bounded "${left}" /dev/null sleep "${pause}" # in the background, so that a signal is heard
        attempt && return
    done
    see_time_left
    [ "${left}" -gt 0 ] || show_and_give_up "the limit of ${limit} s is over"
    show_and_give_up "dpkg does not have them installed"
}

# main ARGUMENT...
main() {
    set_state
    clean_environment
    clock
    began=${now}
    parse_arguments "$@"
    [ -x "${DPKG_QUERY}" ] || give_up no-dpkg "there is no dpkg here: this is not an image of the Debian family" "use the image's own package manager"
    architecture=$("${DPKG}" --print-architecture 2>/dev/null)
    if ! find_missing; then
        say "${packages}: already there, nothing to do"
        leave installed
    fi
    command -v apt-get >/dev/null 2>&1 || give_up no-dpkg "there is no apt-get here" "use an image that has it"
    [ "$(id -u)" = 0 ] || give_up not-root "this is not root" "run it as root"
    trap remove_work EXIT
    trap 'break_off INT' INT
    trap 'break_off TERM' TERM
    trap 'break_off HUP' HUP
    trap : PIPE # not ignored: that would be handed down to every program
    make_lists_folder
    options=$(print_options)
    put_in_order
    ! find_missing || install_online
    see_time_left
    say "${packages}: installed online in $((limit - left)) s"
    leave installed
}

main "$@"
