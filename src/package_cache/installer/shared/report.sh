# Messages, exit statuses, lists of lines, numbers, new files and time.
NEWLINE='
'
# One table for all programs (docs/exit-statuses.md).
STATUSES=' installed=0 internal=1 usage=2 no-such-group=10 not-for-system=11 not-for-architecture=12 no-plan=13
 not-root=20 no-dpkg=21 dpkg-broken=22 cache-missing=30 cache-damaged=31 cache-too-new=32 dpkg-locked=40 no-space=41
 read-only=42 install-failed=50 interrupted=130 '

# status_of REASON: set `status` to its number.
status_of() {
    status=${STATUSES#*" $1="}
    status=${status%%[!0-9]*}
    status=${status:-1}
}

# say TEXT..., complain TEXT...: print a line for the job's owner. A reader that is gone is no reason to stop.
say() { printf 'package-cache: %s\n' "$*" 2>/dev/null || :; }
complain() { printf 'package-cache: %s\n' "$*" >&2 2>/dev/null || :; }

# for_lines FUNCTION TEXT: call FUNCTION with each line of TEXT that is not empty.
for_lines() {
    local IFS="${NEWLINE}" each='' callback="$1"
    set -- $2
    reset_ifs
    for each in "$@"; do "${callback}" "${each}"; done
}

# reset_ifs: split words as every function expects it.
reset_ifs() { IFS=" 	${NEWLINE}"; }

# is_there PATH: also where a link leads nowhere.
is_there() { [ -e "$1" ] || [ -L "$1" ]; }

# is_number TEXT: digits that arithmetic takes as decimal; some shells run other text, and read 08 as octal.
is_number() {
    case $1 in '' | 0?* | *[!0-9]* | ????????????????*) return 1 ;; *) return 0 ;; esac
}

# write_new FILE TEXT: status 1: it is there already, or cannot be written.
write_new() {
    set -C
    { printf '%s\n' "$2" >"$1"; } 2>/dev/null
    set -- $?
    set +C
    return "$1"
}

# clock: set `now`, in hundredths of a second, without a process.
clock() {
    local up=''
    { read -r up _ </proc/uptime; } 2>/dev/null
    [ -n "${up}" ] || up=$(date +%s).00
    now=$((${up%.*} * 100 + 1${up#*.} - 100))
}
