# Processes: who they are, and commands that run with a time limit and hear signals.
# identify PID: set `identity` to PID-START (proc(5), stat), which no later process of that number has.
identify() {
    local stat=''
    identity=$1-
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null
    set -- "$1" ${stat##*) }
    case ${2:-} in '' | Z | X) ;; *) shift 20 && identity=${identity}$1 ;; esac # a zombie is dead
}

# is_alive IDENTITY
is_alive() {
    identify "${1%%-*}"
    [ "${identity}" = "$1" ] && kill -0 "${1%%-*}" 2>/dev/null
}

# is_at_work IDENTITY: an installer, or a dpkg that it has left behind, which may not have taken its lock yet.
is_at_work() {
    local path='' name=''
    is_alive "$1" && return
    for path in $(set +f; grep -lsF "PACKAGE_CACHE_RUN=$1" /proc/[0-9]*/environ); do
        { read -r name <"${path%environ}comm"; } 2>/dev/null
        case ${name} in timeout | dpkg | apt-get) return 0 ;; *) ;; esac
    done
    return 1
}

# sweep_folders PREFIX: remove the folders PREFIX.IDENTITY of processes that are not alive any more.
sweep_folders() {
    local prefix="$1" path=''
    set +f && set -- "$1".[0-9]*-[0-9]* && set -f
    for path in "$@"; do [ ! -d "${path}" ] || [ -L "${path}" ] || is_alive "${path#"${prefix}".}" || rm -rf "${path}"; done
}

# run_bounded SECONDS LOG COMMAND...: run it as `child`, in the background, so that the shell hears a signal at once.
run_bounded() {
    local seconds="$1" log="$2" ended=''
    shift 2
    ${session} ${TIMEOUT:+"${TIMEOUT}" -k 10 "${seconds}"} "$@" >"${log}" 2>&1 </dev/null &
    child=$!
    wait "${child}"
    ended=$?
    [ "${ended}" -lt 124 ] || kill_group KILL "${child}" # a script that hears no signal, or whose dpkg was killed
    child=
    return "${ended}"
}

# end_child: end the command that runs, with all of its process group.
end_child() {
    [ -n "${child}" ] || return 0
    kill -TERM "${child}" 2>/dev/null # timeout(1) hands it on
    wait "${child}"
    kill_group KILL "${child}"
    child=
}

# stop_listening: no further signal, and the shell's settings that the interrupted function had not yet put back.
stop_listening() {
    trap '' INT TERM HUP
    reset_ifs
    set +C -f
}
