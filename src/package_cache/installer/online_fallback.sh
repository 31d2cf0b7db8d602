#!/bin/sh
# Install packages from the image's own apt sources: retry temporary failures, be strict about signatures.
#
#   sh online_fallback.sh RECOMMENDS SECONDS PACKAGE...
#
# RECOMMENDS (true or false) is about recommended packages, SECONDS limits the run. plugin/online_fallback.py checks both
# and the packages.
# Exit 0: every package is installed and configured here, checked against dpkg's own database.
# Any other status (docs/exit-statuses.md): not all are. docs/plugins.md states what is promised.

# It needs sh, dpkg, apt-get, coreutils, grep and sed, which are essential in all of the family. The comment above a
# function says what it does, what it sets, and the exit statuses with which it can end the run.

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
. online/apt.sh

LOCK_TIMEOUT=300 # seconds that another process may keep dpkg locked
PAUSES="2 6 18"  # seconds before each further attempt
LOG_LINES=20     # how much of dpkg's output is shown where it failed
KEEP_CONFFILES='--force-confdef --force-confold'

# set_state: initialise the global state, grouped by the functions that set it; other variables are local.
set_state() {
    # main, find_missing, has_time
    packages='' recommends='' limit='' architecture='' missing='' database='' began='' left=''
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
    complain "cannot go on: SIG$1 came; run it again: it repairs dpkg first"
    leave interrupted
}

# show_and_give_up CAUSE: exit because apt failed, and show its messages. 50
show_and_give_up() {
    if grep -q '^E: Sub-process ' "${work}/last"; then
        complain "the last lines of dpkg's output:"
        tail -n "${LOG_LINES}" "${work}/last" | cat -v >&2
    fi
    complain "apt's messages:"
    sed -n -e '/^[EW]: /p' -e '/^The following packages have unmet/p' -e '/^ [^ ]/p' "${work}/log" | cat -v >&2
    give_up install-failed "$1" "read the lines above; are the image's apt sources reachable, signed and of this release?"
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

# has_time SECONDS: more than these remain of the limit. Sets `left` to those that remain.
has_time() {
    clock
    left=$((limit - (now - began) / 100))
    [ "${left}" -gt "$1" ]
}

# run_within SECONDS COMMAND...: run it with a time limit, at most the remaining time; return its status. Its output goes to
# the file `last`, and is appended to the log.
run_within() {
    local seconds="$1" ended=''
    shift
    : >"${work}/last"
    has_time 0 || return 124
    [ "${seconds}" -le "${left}" ] || seconds=${left}
    run_bounded "${seconds}" "${work}/last" "$@"
    ended=$?
    cat "${work}/last" >>"${work}/log"
    return "${ended}"
}

# run_unlocked COMMAND...: the same, repeated while another process has dpkg or debconf locked. 40
run_unlocked() {
    local ended=''
    patience='' lock_timeout=${LOCK_TIMEOUT}
    has_time "${lock_timeout}" || lock_timeout=${left}
    while :; do
        while find_holder; do be_patient || give_up_lock; done
        run_within "${limit}" "$@" && return
        ended=$?
        was_locked "${work}/last" || return "${ended}"
        be_patient && has_time 0 || give_up_lock
    done
}

# give_up_lock: 40
give_up_lock() { give_up dpkg-locked "dpkg was locked for ${lock_timeout} s: ${holder}" "wait for it to end, then run this again"; }

# put_in_order: complete half done installations, as far as possible. Set `broken` if dependencies are unmet. 40
put_in_order() {
    run_unlocked "${DPKG}" ${KEEP_CONFFILES} --configure -a || complain "dpkg --configure -a does not complete all that was left half done; going on"
    run_within "${limit}" apt-get ${options} -o Debug::NoLocking=true check || broken=yes
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

# is_temporary: the failure may be temporary: the network failed, or another process had dpkg locked.
is_temporary() {
    grep -qE '^[EW]: (Failed to fetch|Unable to fetch|Some index files failed)' "${work}/log" || says_locked "${work}/log"
}

# install_online: attempt it until it succeeds, while the failure may be temporary and time is left. 40 50
install_online() {
    local pause=''
    attempt && return
    for pause in ${PAUSES}; do
        is_temporary && has_time "${pause}" || break
        say "the failure may be temporary: trying again in ${pause} s"
        run_bounded "${left}" /dev/null sleep "${pause}" # in the background, so that a signal is heard
        attempt && return
    done
    has_time 0 || show_and_give_up "the time limit of ${limit} s has passed"
    show_and_give_up "dpkg does not have them installed"
}

# main RECOMMENDS SECONDS PACKAGE...
main() {
    set_state
    clean_environment
    clock
    began=${now}
    recommends=$1 limit=$2
    shift 2
    packages=$*
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
    has_time 0
    say "${packages}: installed online in $((limit - left)) s"
    leave installed
}

main "$@"
