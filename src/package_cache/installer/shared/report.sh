program='package-cache' # what every message begins with
NEWLINE='
'

# show TEXT: print lines, and what a terminal would obey as cat(1) -v writes it; a process more only where that is needed.
show() {
    local LC_ALL=C # else a shell may take other characters for those between a blank and a tilde
    case $1 in
        *[!\ -~"${NEWLINE}"]*) printf '%s\n' "$1" | cat -v ;;
        *) printf '%s\n' "$1" ;;
    esac 2>/dev/null
}

# say TEXT..., complain TEXT...: print a line for the job's owner. A reader that is gone is no reason to stop.
say() { show "${program}: $*" || :; }
complain() { show "${program}: $*" >&2 || :; }
