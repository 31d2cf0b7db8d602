# is_name TEXT: a group's or an image's name (names.py): never a path, nothing to a shell.
is_name() {
    case $1 in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789+._-]*) return 1 ;;
        *) [ "${#1}" -le 64 ] ;;
    esac
}
