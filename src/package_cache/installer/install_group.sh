#!/bin/sh
# Install groups of packages from a Package Cache into this container, offline.
#
# usage: sh install_group.sh [options] [--] GROUP...
#   --cache DIR             the cache (default: the folder of this script, else ../package_cache beside it)
#   --expect GROUP=SHA256   the hash of the group's Release, else 33; repeated: one of them (also PACKAGE_CACHE_EXPECT)
#   --keyring FILE          OpenPGP keys, of which one signed the groups' Release, else 33
#   --result FILE           write the result there, as key=value lines
#   --lock-timeout SECONDS  how long to wait for another process that locks dpkg (default: 120)
#   --install-timeout SECONDS  time limit of one run of dpkg (default: 1800)
#   --no-replay             install by dpkg also where a recording of this installation fits
#   --dry-run               report what would happen and change nothing; needs no root
#   --root DIR              with --dry-run: read that root and run none of its programs
#   --architecture NAME     with --root: the architecture, if the root's database has no package dpkg
#   --verbose               show dpkg's output after a success as well
#   --help                  show this
# Exit statuses: 0 installed, or there already. Nothing was changed with: 2 usage; 10 no such group; 11 not for this
# OS release; 12 not for this architecture; 13 no plan; 20 not root; 21 no dpkg or apt-get; 22 dpkg is half done;
# 30 no cache, or an empty one; 31 cache damaged; 32 cache too new; 33 cache not trusted; 40 dpkg locked too long; 41 no space;
# 42 read-only.
# Tried and undone: 50 an installation failed; 130 a signal came.

# It needs sh, dpkg, apt-get and coreutils; for a recording also perl and tar. Above each function: what it does and sets, and statuses with which it ends the run.

. shared/environment.sh
. shared/report.sh
. shared/statuses.sh
. shared/clock.sh
. shared/text.sh
. shared/names.sh
. shared/process_groups.sh
. shared/processes.sh
. shared/locks.sh
. shared/packages.sh
. parts/arguments.sh
. parts/ending.sh
. parts/cache.sh
. parts/trust.sh
. parts/system.sh
. parts/plan.sh
. parts/explain.sh
. parts/verify.sh
. parts/services.sh
. parts/journal.sh
. parts/install.sh
. parts/recording.sh
. parts/recorded_state.sh
. parts/dpkg_lock.sh
. parts/replay.sh
. parts/replay_recovery.sh

# set_state: initialise the global state, grouped by the functions that set it; other variables are local.
set_state() {
    # read_arguments
    groups='' cache='' result='' verbose='' dry_run='' root='' no_replay='' given_architecture='' lock_timeout=120 install_timeout=1800
    expected='' keyring=''
    # find_cache, read_groups
    pool='' stated_files='' requests='' named='' provides='' pre_dependencies='' images='' image_indexes='' installed_kib=0 space=''
    probe='' answers='' recommends=false hashes=''
    # read_system, read_architecture, read_database, select_packages, in_state, look
    system='' derived='' architecture='' foreign='' database='' known='' found='' exactly='' missing='' absent='' already_there=0
    # make_work, ask_apt, plan, list_files, start_hashing, sort_planned, begin_run, recover, take_policy, find_installer, find_holder, run_logged
    work='' linked='' image='' said='' files='' planned='' file_of=' ' bytes=0 need_kib=0 hashers=''
    fresh='' leftover='' automatic='' run='' recovering='' recovered='' culprit='' policy='' policy_owner='' holder='' patience='' child='' logs='' answered=''
    # find_recording, read_recording, read_debs, replay, end_replay, lock_dpkg, foresee_replay
    recorded='' recorded_group='' recorded_image='' status_hash='' hashed_by='' status_before='' status_after='' stated='' other_format='' first_debs='' second_debs='' over_debs=''
    refusal='' replaying='' undoing='' locker='' replayed='' recordings='' foreseen='' method=none
    recorded_files='' recorded_bytes=0 recorded_lines='' recorded_fresh='' recorded_leftover='' recorded_file_of=''
    # give_back, finish, phase, and the lines of the result
    baseline='' unchanged='nothing was changed' reason='' message='' next_step='' installed=0 phases='' package_lines='' obstacle_lines='' apt_lines=''
}

# install_missing: plan, verify and install; start again whenever another process has worked with dpkg.
install_missing() {
    [ -n "${dry_run}" ] || [ "$(id -u)" = 0 ] || miss not-root "this is not root, and not all is there: ${missing:-${absent}}" "run it as root"
    need_tools apt-get df timeout ${answers:+debconf-set-selections}
    make_work
    until try_to_install; do
        give_back
        wait_for_others || locked_too_long
        phase wait
        recovered=yes
        recover
        baseline=$(print_state)
        ! look || return 0
    done
}

# try_to_install: plan, verify and install once. Status 1: another process was quicker, and nothing was changed.
try_to_install() {
    local hasher=''
    if [ -n "${dry_run}" ]; then foresee_replay; else replay_groups; fi
    case $? in 0) [ -n "${dry_run}" ] || return 0 ;; 1) return 1 ;; *) ;; esac
    # Not before: a replay locks dpkg itself, and the kernel takes many milliseconds for its table of locks.
    [ -n "${dry_run}" ] || { ! find_holder && ! find_installer; } || return 1
    if [ -z "${linked}" ]; then # not before: a recording needs no index
        link_indexes
        phase index
    fi
    try_dpkg >/dev/null 2>&1 &
    hashers=$!
    plan || return
    if [ -z "${files}" ]; then
        check_all || miss no-plan "apt finds nothing to install, but ${wrong}" "rebuild the cache, or use the fallback of this image"
        return
    fi
    list_files
    hash_pool sha256sum
    phase plan
    sort_planned
    for hasher in ${hashers}; do
        wait "${hasher}" && continue || check_hashes # to know which it is
        try_dpkg 2>/dev/null || { [ -z "${dry_run}" ] && is_disturbed && return 1; } || dpkg_refuses 'dpkg does not work here' try_dpkg
    done
    hashers=
    phase verify
    count_packages ${files}
    if [ -n "${dry_run}" ]; then
        method=${foreseen:+replay} method=${method:-dpkg}
        say "${groups}: ${counted} would be installed, ${megabytes}, all hashes fit${foreseen:+, by a recording of ${foreseen}}"
        finish installed "${counted} would be installed"
    fi
    check_space
    say "${groups}: ${counted} to install, ${megabytes}, all hashes fit"
    method=dpkg
    begin_run
    take_policy || return
    phase begin
    set_answers || fail "debconf does not take the group's answers"
    install_files
    case $? in 0) ;; 1) return 1 ;; *) fail "dpkg or a package's own script ended with an error" ;; esac
}

# count_packages HASH...: set `counted` to their number in words, and `megabytes`.
count_packages() {
    counted="$# packages"
    [ $# != 1 ] || counted='1 package'
    megabytes=$(((bytes + 50000) / 100000)) megabytes="$((megabytes / 10)).$((megabytes % 10)) MB"
}

# hear_signals: undo what was changed when a signal comes.
hear_signals() {
    trap 'on_signal INT' INT
    trap 'on_signal TERM' TERM
    trap 'on_signal HUP' HUP
}

# main SCRIPT ARGUMENT...
main() {
    local by=''
    script=$1
    shift
    set_state
    clean_environment
    unset APT_CONFIG # nothing of the image's apt configuration is read
    clock
    began=${now} last=${now}
    trap on_exit EXIT
    hear_signals
    trap : PIPE # not ignored: that would be handed down to every program
    read_arguments "$@"
    identify "${$}"
    me=${identity}
    if [ -w "${DPKG_STATE}/status" ] && [ -z "${dry_run}" ]; then
        sweep
        recover
    fi
    find_cache
    need_tools dpkg dpkg-query sha256sum
    read_system
    [ -n "${architecture}" ] || read_architecture
    read_groups
    look
    all_there=$?
    for request in ${missing}; do already_there=$((already_there - 1)); done
    phase present
    if [ "${all_there}" = 0 ]; then
        mark_manual
        say "${groups}: already there, nothing to do"
        finish installed "already there"
    fi
    install_missing
    phase install
    set -- ${recorded_files} ${files}
    [ -n "${run}" ] || mark_manual
    if [ -n "${run}" ]; then
        [ -z "${verbose}" ] || cat -v ${logs}
        check_all || fail "${wrong}"
        phase check
        mark && mark_manual # only now: what is taken back must leave no mark
        phase mark
        stop_listening # all is installed, and the status must say so
        end_run
        installed=$#
    fi
    clock
    as_seconds "$((now - began))"
    count_packages "$@"
    [ "${method}" != replay ] || by=" by a recording of ${recordings}"
    say "${groups} installed: ${counted} in ${seconds} s${by}, 0 bytes from the network"
    finish installed "${counted} installed"
}

main "$0" "$@"
