# What a run notes before it changes anything, and what is done with that: undo, or recovery after a kill.
RUNS=/var/lib/package-cache # a folder for each run that changes something, for a later run to find

# sweep: remove what killed installers left: folders of temporary files, and a policy-rc.d.
sweep() {
    local place=''
    for place in /run ${TMPDIR:+"${TMPDIR}"} ${WORK_PLACES}; do sweep_folders "${place}/package-cache"; done
    if ! find_installer && { [ -n "${policy_owner}" ] || ! is_there "${POLICY}"; }; then drop_policy; fi
}

# begin_run: note what is about to be touched, and keep some space for undoing it. 41 42
begin_run() {
    local errors=''
    find_run
    errors=$(write_notes 2>&1) || miss no-space "cannot write files in ${RUNS%/*}: ${errors}" "free some space or inodes there"
}

# find_run: set `run`, where what is about to be touched can be written to. 42
find_run() {
    local path=''
    for path in /usr /etc "${RUNS%/*}"; do
        [ -w "${path}" ] || miss read-only "${path} cannot be written to" "give the container a writable root file system"
    done
    ! is_there "${RUNS}" || is_own "${RUNS}" || miss read-only "${RUNS} is a link, or belongs to another user" "remove it"
    run=${RUNS}/${me}
    export PACKAGE_CACHE_RUN="${me}" # for is_at_work
}

# write_notes: some inodes and bytes for undoing, and what would have to be taken back; in a subshell.
write_notes() {
    mkdir -p "${run}/ballast" && cd "${run}/ballast" && mkdir 1 2 3 4 5 6 7 || return
    fallocate -l 4194304 space 2>/dev/null || head -c 4194304 /dev/zero >space || return
    [ ! -f "${APT_MARKS}" ] || cp -p "${APT_MARKS}" "${run}/marks" || return # apt marks what it installs
    printf '%s\n' "${pool}" "${recorded_file_of}${file_of}" "${recorded_fresh}${fresh}" "${recorded_leftover}${leftover}" "${automatic}" end >"${run}/notes"
}

# is_own PATH: this user's (root's), and no link: who may write elsewhere has no say in what is undone.
# shellcheck disable=SC3067  # dash, bash and busybox know -O
is_own() { [ -O "$1" ] && [ ! -L "$1" ]; }

# read_notes FOLDER: set pool, file_of, planned, fresh, leftover, automatic. Status 1: incomplete, so nothing was touched yet.
read_notes() {
    local end='' each=''
    is_own "$1" && is_own "$1/notes" && [ -f "$1/notes" ] && [ "$(stat -c %s "$1/notes")" -le 1000000 ] || return
    { IFS= read -r pool && read -r file_of && read -r fresh && read -r leftover && read -r automatic && read -r end; } <"$1/notes"
    case ${end}:${pool} in end:/*/pool) ;; *) return 1 ;; esac
    file_of=" ${file_of} " planned=
    for each in ${file_of}; do
        is_package "${each%%/*}" && is_hash "${each#*/}" || return
        planned="${planned} ${each%%/*}"
    done
    for each in ${fresh} ${leftover} ${automatic}; do case "${planned} " in *" ${each} "*) ;; *) return 1 ;; esac; done
}

# end_run [FOLDER]: forget this run, or another one: nothing of it is left to be taken back.
end_run() {
    set -- "${1:-${run}}"
    [ "$1" != "${run}" ] || run=
    [ -z "$1" ] || rm -rf "$1"
    rmdir "${RUNS}" 2>/dev/null
}

# recover: put dpkg in order where an earlier run was killed in the middle of it. 40
recover() {
    local folder='' pool='' recorded_fresh='' recorded_leftover='' # another run's
    is_own "${RUNS}" || return 0
    set +f && set -- "${RUNS}"/[0-9]*-[0-9]* && set -f
    for folder in "$@"; do
        if [ ! -d "${folder}" ] || is_alive "${folder##*/}"; then continue; fi
        holder='a dpkg that a killed installer has left is at work'
        while is_at_work "${folder##*/}"; do be_patient || locked_too_long; done
        if [ -e "${folder}/replay" ]; then
            recover_replay "${folder}"
        elif read_notes "${folder}"; then
            recover_run "${folder}"
        else
            end_run "${folder}"
        fi
    done
    rmdir "${RUNS}" 2>/dev/null || : # an earlier run may have been killed right before it did this
}

# recover_run FOLDER: its space first. A dpkg that it started may still be at work: its lock is waited for. 40
recover_run() {
    say "an earlier run was killed before it ended: repairing dpkg first"
    recovering='what an earlier run left is not repaired yet; run it again'
    unchanged='nothing was changed but what an earlier run had left'
    rm -rf "$1/ballast"
    [ -n "${architecture}" ] || read_architecture
    make_work
    find_installer || [ -z "${policy_owner}" ] || drop_policy
    until wait_for_others && take_policy; do [ "${now}" -lt "${patience:-0}" ] || locked_too_long; done
    run_patiently "${DPKG}" ${DPKG_OPTIONS} --configure -a || ! find_holder || locked_too_long
    if ! is_sane; then
        # What is complete stays: others may have come to need it since.
        in_state '?[!in]*' ${fresh}
        fresh=${found}
        in_state '?[!inc]*' ${leftover}
        leftover=${found}
        take_back
    fi
    if is_sane; then
        in_state '[ih]i' ${automatic}
        set_marks auto ${found}
        end_run "$1"
    else
        complain "cannot repair dpkg: see dpkg --audit"
        culprit=', left by an earlier installation that was killed'
    fi
    release_policy
    recovering=
    baseline=$(print_state)
}

# is_sane: nothing is half done, and everything that is installed has what it depends on; a run begins only so.
is_sane() { read_database && ! is_half_done && ask_apt apt-get -o Debug::NoLocking=true check; }

# undo: take back what this run did. Sets `outcome`.
# shellcheck disable=SC2016  # what the inner shell expands; a session of its own has no terminal that debconf could wait for
undo() {
    local each='' marks="${run}/marks"
    patience='' undoing=yes
    [ -z "${recordings}" ] || marks=${run}/${APT_MARKS##*/} # those from before the first of them
    fresh="${recorded_fresh}${fresh}" leftover="${recorded_leftover}${leftover}" file_of=${recorded_file_of}${file_of}
    rm -rf "${run}/ballast"
    for each in ${answered}; do run_bounded 60 /dev/null sh -c 'echo "UNREGISTER $1" | debconf-communicate "$2"' sh "${each#*:}" "${each%%:*}"; done
    if take_back && is_sane; then
        mv -f "${marks}" "${APT_MARKS}" 2>/dev/null || rm -f "${APT_MARKS}" # there were none
        outcome='undone: the new packages were removed, and dpkg is consistent'
        end_run
    else
        outcome='not completely undone: see dpkg --audit; the next installation continues'
        run= # stays for the next one
    fi
}

# take_back: remove the packages that were not here before and complete those that were. Status 1: not all are gone.
take_back() {
    local name=''
    unpack_again
    if ! purge; then
        # A package whose own script does not let it go. It came a moment ago: its scripts have no say.
        for name in ${found} ${exactly}; do rm -f "${DPKG_STATE}/info/${name}.prerm" "${DPKG_STATE}/info/${name}.postrm"; done
        purge
    fi
    set -- $?
    run_patiently "${DPKG}" ${DPKG_OPTIONS} --configure -a
    return "$1"
}

# purge: what was not here; what had left its conffiles leaves them again. Status 1: not all are gone, but `found`.
purge() {
    in_state '?[!n]*' ${fresh}
    [ -z "${exactly}" ] || run_patiently "${DPKG}" --force-remove-reinstreq --purge ${exactly}
    in_state '?[!nc]*' ${leftover}
    [ -z "${exactly}" ] || run_patiently "${DPKG}" --force-remove-reinstreq --remove ${exactly}
    read_database
    in_state '?[!nc]*' ${leftover}
    [ -z "${found}" ] && in_state '?[!n]*' ${fresh} && [ -z "${found}" ] && forget_selections
}

# forget_selections: dpkg goes on wanting a package whose unpacking failed. Version 1.18 needs a file for that.
# shellcheck disable=SC2016  # what dpkg-query expands, not we
forget_selections() {
    local each='' wanted='' file="${DPKG_STATE}/available" made=''
    for each in $("${DPKG_QUERY}" -W -f '${Package}:${Architecture}/${db:Status-Status} ' ${fresh:-none} 2>/dev/null); do
        case ${each} in */not-installed) each=${each%/*} wanted="${wanted}${each%:} unknown${NEWLINE}" ;; *) ;; esac
    done
    [ -n "${wanted}" ] || return 0
    is_there "${file}" || made=${file}
    : >>"${file}"
    printf '%s' "${wanted}" | "${DPKG}" --set-selections 2>/dev/null
    [ -z "${made}" ] || rm -f "${made}"
}

# unpack_again: unpack those that are half unpacked; nothing else completes one that is being upgraded.
unpack_again() {
    local name='' file=''
    read_database
    in_state '?H*' ${planned}
    set --
    for name in ${found}; do
        file=${file_of#*" ${name}/"} file=${file%% *}
        printf '%s  %s\n' "${file}" "${pool}/${file}.deb" | sha256sum -c >/dev/null 2>&1 || continue
        set -- "$@" "${pool}/${file}.deb"
    done
    [ $# = 0 ] || run_patiently "${DPKG}" ${DPKG_OPTIONS} --unpack "$@"
    read_database
}
