# Locks of other processes, asked of the kernel (proc(5), locks) and not of messages.
DPKG_STATE=/var/lib/dpkg
LOCKS="${DPKG_STATE}/lock-frontend ${DPKG_STATE}/lock /var/cache/debconf/config.dat /var/cache/debconf/passwords.dat
    /var/cache/debconf/templates.dat"

# find_holder: set `holder` to what a process keeps locked that dpkg or debconf needs. Status 1: none does.
find_holder() {
    local inodes='' each='' kind='' pid='' place='' name=''
    holder=
    [ -r /proc/locks ] || return 1
    while read -r _ kind _ _ pid place _; do
        inodes=${inodes:-$(stat -c '%i:%n' ${LOCKS} 2>/dev/null)}
        for each in ${inodes}; do
            case ${kind}:${place##*:}:${each#*:} in
                POSIX:"${each%%:*}:${DPKG_STATE}"/* | OFDLCK:"${each%%:*}:${DPKG_STATE}"/*) ;; # fcntl(2)
                FLOCK:"${each%%:*}":/var/cache/*) ;; # flock(2), which does not exclude the other kind
                *) continue ;;
            esac
            has_open "${pid}" "${each#*:}" || continue
            { read -r name <"/proc/${pid}/comm"; } 2>/dev/null
            holder="process ${pid}${name:+ (${name})} has ${each#*:} locked"
            return 0
        done
    done </proc/locks
    return 1
}

# has_open PID PATH: an inode alone could be another file's. Where the process does not let us look, it is believed.
has_open() {
    local file='' wanted="$2"
    [ -r "/proc/$1/fd" ] || return 0
    set +f && set -- "/proc/$1/fd"/* && set -f
    # shellcheck disable=SC3013  # dash, bash and busybox know -ef
    for file in "$@"; do [ "${file}" -ef "${wanted}" ] && return 0; done
    return 1
}

# was_locked LOG: another process has what it needs locked, or the command that wrote LOG said so where the kernel does not.
was_locked() { find_holder || { [ ! -r /proc/locks ] && says_locked "$1"; }; }

# says_locked LOG: dpkg or apt ended because another process has dpkg's lock (docs/installer.md). Sets `holder`.
says_locked() {
    local line=''
    holder='another process has dpkg locked'
    while read -r line; do case ${line} in 'dpkg: error: '*' locked by '*' process'* | 'E: Could not get lock '*) return 0 ;; *) ;; esac; done <"$1"
    return 1
}

# be_patient: wait a second for `holder`. Status 1: `lock_timeout` is over, from the first time after `patience` was emptied.
be_patient() {
    clock
    [ -n "${patience}" ] || say "${holder}: waiting for it, at most ${lock_timeout} s"
    patience=${patience:-$((now + lock_timeout * 100))}
    [ "${now}" -lt "${patience}" ] && sleep 1
}
