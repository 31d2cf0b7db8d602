# kill_group SIGNAL PID: to all of a process group. Status 1: there is none. Dash takes the group after `-s SIGNAL` only behind
# "--", which it does not take after -SIGNAL, and busybox never.
kill_group() { kill "-$1" "-$2" 2>/dev/null; }
