# The end of a run: what is said, the result file, and what the container gets back.

# miss REASON CAUSE NEXT-STEP: exit without having changed anything.
miss() {
    complain "cannot install${groups:+ ${groups}} ($1): $2"
    next_step=$3
    unlock_dpkg
    [ -z "${undoing}" ] || finish install-failed "$2; not completely undone: see dpkg --audit; the next installation continues"
    [ -z "${recordings}" ] || fail "$2" # something was changed
    give_back
    complain "${outcome}; next step: $3"
    finish "$1" "$2"
}

# finish REASON MESSAGE: exit, cleaned up and with the result written; from its first line on no signal disturbs it.
finish() {
    stop_listening
    trap - EXIT
    reason=$1 message=$2
    [ -z "${hashers}" ] || kill ${hashers} 2>/dev/null
    release_policy
    [ -z "${work}" ] || rm -rf "${work}"
    status_of "${reason}"
    [ -z "${result}" ] || write_result 2>/dev/null || complain "cannot write the result to ${result}"
    exit "${status}"
}

# give_back: nothing was changed, and nothing is left that shows this run was here. Sets `outcome`, which is measured.
give_back() {
    release_policy
    [ -n "${recordings}" ] || end_run
    outcome=${recovering:-${unchanged}}
    [ -n "${recovering}" ] || is_as_before || outcome='this run changed nothing, but another process changed the packages here meanwhile'
}

# is_as_before: nothing differs from `baseline`.
is_as_before() { [ -z "${baseline}" ] || [ "$(print_state)" = "${baseline}" ]; }

# print_state: inode, size and time of all that dpkg and apt rewrite when something changes.
print_state() {
    stat -c '%n %i %s %y' "${DPKG_STATE}/status" "${DPKG_STATE}/updates" "${DPKG_STATE}/info" \
        "${DPKG_STATE}/diversions" "${DPKG_STATE}/statoverride" "${DPKG_STATE}/triggers" "${APT_MARKS}" 2>/dev/null
}

# on_exit: the EXIT trap, for an end that nobody foresaw. 1
on_exit() {
    stop_listening
    undo_changes
    complain "the installer ended unexpectedly; ${outcome}; next step: report it, with the text above"
    finish internal "the installer ended unexpectedly; ${outcome}"
}

# on_signal NAME: the trap of signals. 130
on_signal() {
    stop_listening
    complain "cannot go on: SIG$1 came"
    undo_changes
    complain "${outcome}"
    finish interrupted "SIG$1 came; ${outcome}"
}

# undo_changes: end what runs, and undo what this run has changed. Sets `outcome`.
undo_changes() {
    end_child
    case ${replaying} in
        '') ;;
        finish) abandon_replay && return ;;
        *) undo_replay || { abandon_replay && return; } ;;
    esac
    unlock_dpkg
    if [ -z "${recordings}" ] && { [ -z "${run}" ] || is_as_before; }; then give_back; else undo; fi
}

# is_stream FILE: it is written to and not replaced.
is_stream() { case $1 in /dev/stdout | /dev/stderr | /dev/fd/[0-9]* | /proc/self/fd/[0-9]*) ;; *) [ -c "$1" ] ;; esac; }

# check_result: see that a result can be written, while that can still be said. 2 42
check_result() {
    local wanted="${result}"
    if [ -z "${wanted}" ] || is_stream "${wanted}"; then return; fi
    result=
    [ ! -d "${wanted}" ] || misuse "--result takes a file, and ${wanted} is a folder"
    rm -f "${wanted}.${$}" && write_new "${wanted}.${$}" ''
    set -- $?
    rm -f "${wanted}.${$}"
    [ "$1" = 0 ] || miss read-only "cannot write a file beside ${wanted}, where the result is wanted" 'name a writable place'
    result=${wanted}
}

# write_result: in one rename, so that a link is replaced and not followed.
write_result() {
    phase rest
    phase total
    ! is_stream "${result}" || { print_result >>"${result}" && return; } || return
    rm -f "${result}.${$}" # of a killed run, or planted
    write_new "${result}.${$}" "$(print_result)" && { [ ! -L "${result}" ] || rm -f "${result}"; } && mv -f "${result}.${$}" "${result}" && return
    rm -f "${result}.${$}"
    return 1
}

# print_result: the keys stand in docs/installer.md.
print_result() {
    local head="status=${status}${NEWLINE}reason=${reason}${NEWLINE}group=${groups}${NEWLINE}installed=${installed}"
    head="${head}${NEWLINE}already_there=${already_there}${NEWLINE}bytes=$((recorded_bytes + bytes))${NEWLINE}method=${method}"
    [ -z "${recordings}${foreseen}" ] || head="${head}${NEWLINE}recording=${recordings:-${foreseen}}"
    set -- ${refusal} # without line ends
    [ $# = 0 ] || head="${head}${NEWLINE}replay=$*"
    set -- ${message}
    show "${head}
${recorded_lines}${package_lines}${obstacle_lines}${apt_lines}${phases}next=${next_step}${NEWLINE}message=$*"
}

# phase NAME: note how long the phase took that ends now; `total` is the sum of all.
phase() {
    if [ "$1" = total ]; then last=${began}; else clock; fi
    as_seconds "$((now - last))"
    last=${now} phases="${phases}seconds_$1=${seconds}${NEWLINE}"
}

# as_seconds HUNDREDTHS: set `seconds`.
as_seconds() {
    seconds=$(($1 % 100 + 100))
    seconds=$(($1 / 100)).${seconds#1}
}
