# The command line of the online fallback.

# refuse CAUSE: exit because of a command line that makes no sense. 2
refuse() {
    complain "cannot understand the command line: $1"
    complain "usage: sh online_fallback.sh [--recommends] [--limit SECONDS] [--] PACKAGE..."
    leave usage
}

# parse_arguments ARGUMENT...: set packages, recommends, limit. 2
parse_arguments() {
    local package=''
    while [ $# -gt 0 ]; do
        case $1 in
            --recommends) recommends=true ;;
            --limit)
                is_number "${2-}" && [ "${#2}" -lt 8 ] && [ "$2" != 0 ] || refuse "--limit takes whole seconds, 1 or more, not '${2-}'"
                limit=$2
                shift
                ;;
            --)
                shift
                break
                ;;
            -*) refuse "there is no option $1" ;;
            *) break ;;
        esac
        shift
    done
    for package in "$@"; do check_package "${package}"; done
    packages=$*
    [ -n "${packages}" ] || refuse "name at least one package"
}

# check_package REQUEST: a package's name, perhaps with an architecture or version (names.py). 2
check_package() {
    case ${1%%[:=]*} in
        '' | [!abcdefghijklmnopqrstuvwxyz0123456789]* | *[!abcdefghijklmnopqrstuvwxyz0123456789.+-]* | *-) refuse "'$1' is not a package name" ;;
        *) ;;
    esac
    case $1 in *[!a-zA-Z0-9.+:=~-]*) refuse "'$1' is not a package name" ;; *) ;; esac
}
