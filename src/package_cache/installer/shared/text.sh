# Lists of lines, numbers and new files.

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
is_number() { case $1 in '' | 0?* | *[!0-9]* | ????????????????*) return 1 ;; *) return 0 ;; esac; }

# write_new FILE TEXT: status 1: it is there already, or cannot be written.
write_new() {
    { set -C && printf '%s\n' "$2" >"$1"; } 2>/dev/null # opened first: where no device can be made it is a plain file
    set -- $?
    set +C
    return "$1"
}
