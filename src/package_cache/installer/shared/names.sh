# is_name TEXT: a group's or an image's name (names.py): never a path, nothing to a shell.
is_name() {
    case $1 in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789+._-]*) return 1 ;;
        *) [ "${#1}" -le 64 ] ;;
    esac
}

# is_hash TEXT: a SHA-256. is_expectation TEXT: GROUP=SHA256 (cache/expectations.py).
is_hash() { case $1 in *[!0-9a-f]*) return 1 ;; *) [ "${#1}" = 64 ] ;; esac; }
is_expectation() { is_name "${1%%=*}" && is_hash "${1#*=}"; }
