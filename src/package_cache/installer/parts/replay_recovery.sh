# What a killed replay left: it is completed or undone by its journal, of which nothing is believed that is not of this user.

# recover_replay FOLDER: complete or undo the replay of a run that was killed; where dpkg's status is neither, only forget it. 40 50
recover_replay() {
    local status_before='' status_after='' hashed_by='sha256sum'
    is_replay "$1" || { end_run "$1" && return; }
    say "an earlier run was killed before it ended: completing or undoing it first"
    recovering='what an earlier run left is not repaired yet; run it again'
    unchanged='nothing was changed but what an earlier run had left'
    [ -n "${architecture}" ] || read_architecture
    make_work
    until wait_for_others && lock_dpkg; do
        [ -z "${refusal}" ] || miss read-only "cannot lock dpkg: ${refusal}" "make that writable"
        [ "${now}" -lt "${patience:-0}" ] || locked_too_long
    done
    hash_status
    case ${status_hash} in
        "${status_after}") finish_replay "$1" rest || fail_replay "${said}" ;;
        "${status_before}")
            if [ ! -e "$1/ready" ]; then
                { remove_new "$1" && restore_notes "$1"; } || fail_replay "${said}"
            elif is_untouched "$1"; then
                finish_replay "$1" || fail_replay "${said}"
            fi
            ;;
        *) ;;
    esac
    end_run "$1"
    unlock_dpkg
    recovering=
    baseline=$(print_state)
}

# is_replay FOLDER: this user's journal of a replay, with all its lists; sets status_before and status_after.
is_replay() {
    local each='' key='' value=''
    for each in '' /replay /staged /facts /new /same /finish; do is_own "$1${each}" || return; done
    for each in facts new same finish; do [ -f "$1/${each}" ] || return; done
    while read -r key value; do
        case ${key} in status-before) status_before=${value} ;; status-after) status_after=${value} ;; hashed-by) hashed_by=${value} ;; *) ;; esac
    done <"$1/facts"
    case ${hashed_by} in sha256sum | b2sum) ;; *) return 1 ;; esac
    is_hash "${status_before}" && is_hash "${status_after}"
}

# is_untouched FOLDER: what its replay has yet to replace is as it was.
is_untouched() {
    local hash='' path='' wanted=''
    while read -r hash path; do
        is_there "$1/staged${path}" || continue
        [ -f "${path}" ] && [ ! -L "${path}" ] || return
        wanted="${wanted}${hash}  ${path}${NEWLINE}"
    done <"$1/same"
    [ -z "${wanted}" ] || printf '%s' "${wanted}" | "${hashed_by}" -c >/dev/null 2>&1
}
