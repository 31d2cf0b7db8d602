# Locks of other processes, asked of the kernel (proc(5), locks) and not of messages.
DPKG_STATE=/var/lib/dpkg
LOCKS="${DPKG_STATE}/lock-frontend ${DPKG_STATE}/lock /var/cache/debconf/config.dat /var/cache/debconf/passwords.dat
    /var/cache/debconf/templates.dat"

# find_holder: set `holder` to what a process keeps locked that dpkg or debconf needs. Status 1: none does.
find_holder() {
    local inodes='' each='' kind='' access='' pid='' place='' name=''
    holder=
    [ -r /proc/locks ] || return 1
    inodes=$(stat -c '%i:%n' ${LOCKS} 2>/dev/null)
    while read -r _ kind _ access pid place _; do
        for each in ${inodes}; do
            case ${kind}:${access}:${place##*:}:${each#*:} in
                POSIX:WRITE:"${each%%:*}:${DPKG_STATE}"/* | OFDLCK:WRITE:"${each%%:*}:${DPKG_STATE}"/*) ;; # fcntl(2)
                FLOCK:WRITE:"${each%%:*}":/var/cache/*) ;; # flock(2), which does not exclude the other kind
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
    local file=''
    [ -r "/proc/$1/fd" ] || return 0
    set +f
    for file in "/proc/$1/fd"/*; do
        set -f
        # shellcheck disable=SC3013  # dash, bash and busybox know -ef
        [ "${file}" -ef "$2" ] && return 0
    done
    set -f
    return 1
}

# says_locked LOG: dpkg and apt ended because another process has dpkg's lock. Only for where /proc/locks is missing:
# "... is locked by another process" (dpkg 1.18), "... was locked by another process with pid 7" (from 1.19.1 on),
# "... was locked by /usr/bin/apt process with pid 7" (from 1.22 on), "E: Could not get lock" (apt 1.2 to 3).
says_locked() {
    local line=''
    [ ! -r /proc/locks ] || return 1
    while read -r line; do
        case ${line} in
            'dpkg: error: '*' locked by '*' process'* | 'E: Could not get lock '*) return 0 ;;
            *) ;;
        esac
    done <"$1"
    return 1
}
