# kill_group SIGNAL PID: to all of a process group. Status 1: there is none. In the one form that every shell takes.
kill_group() { kill "-$1" "-$2" 2>/dev/null; }
