# Process groups: one for each command, so that a signal reaches all that it started.

# find_session: set `session`, the command that gives another one a process group, and keeps its questions off the terminal.
find_session() {
    session=
    ! command -v setsid >/dev/null 2>&1 || session=setsid
}

# kill_group SIGNAL PID: status 1: there is no such group. In this form because dash takes a number after `-s SIGNAL` only
# behind "--", which it does not take after -SIGNAL, and busybox never.
kill_group() { kill "-$1" "-$2" 2>/dev/null; }
