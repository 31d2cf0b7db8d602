# The command line: all of it is read and checked before anything else is.

# misuse CAUSE: exit because of a command line that makes no sense. 2
misuse() {
    complain "cannot understand the command line: $1"
    complain "see: sh install_group.sh --help"
    finish usage "$1"
}

# read_arguments ARGUMENT...: set what was asked for. 2
read_arguments() {
    local bad='' option='' expectations="${PACKAGE_CACHE_EXPECT-}"
    while [ $# -gt 0 ]; do
        option=$1
        shift
        case ${option} in --*=*) set -- "${option#*=}" "$@" && option=${option%%=*} ;; *) ;; esac
        case ${option} in
            --verbose) verbose=yes && continue ;;
            --dry-run) dry_run=yes && continue ;;
            --no-replay) no_replay=yes && continue ;;
            --help) sed -n '2,/^$/s/^# \{0,1\}//p' "${script}" && finish installed 'help shown' ;; # the first comment of this program
            --) break ;;
            --cache) cache=${1-} ;;
            --expect) expectations="${expectations} ${1-}" ;;
            --keyring) keyring=${1-} ;;
            --result) result=${1-} ;;
            --lock-timeout) lock_timeout=${1-} ;;
            --install-timeout) install_timeout=${1-} ;;
            --root) root=${1-} ;;
            --architecture) given_architecture=${1-} ;;
            -*) bad=${bad:-there is no option ${option}} && continue ;;
            *) add_group "${option}" && continue ;;
        esac
        [ -n "${1-}" ] || bad=${bad:-${option} takes a value}
        [ $# = 0 ] || shift
    done
    for option in "$@"; do add_group "${option}"; done
    [ -n "${groups}" ] || bad=${bad:-name at least one group}
    is_number "${lock_timeout}" && [ "${#lock_timeout}" -lt 8 ] || bad=${bad:-"--lock-timeout takes whole seconds, not '${lock_timeout}'"}
    is_number "${install_timeout}" && [ "${#install_timeout}" -lt 8 ] && [ "${install_timeout}" != 0 ] ||
        bad=${bad:-"--install-timeout takes whole seconds, 1 or more, not '${install_timeout}'"}
    for option in ${expectations}; do
        expected="${expected} ${option}"
        is_expectation "${option}" || bad=${bad:-"--expect takes a group and the SHA-256 of its Release, as in ssh=1f0e..., not '${option}'"}
    done
    case ${keyring} in '' | /*) ;; *) keyring=${PWD}/${keyring} ;; esac
    [ -z "${keyring}" ] || { [ -f "${keyring}" ] && [ -r "${keyring}" ]; } || bad=${bad:-there is no file ${keyring} that can be read}
    [ -z "${root}" ] || [ -d "${root}" ] || bad=${bad:-there is no folder ${root}}
    [ -z "${root}" ] || [ -n "${dry_run}" ] || bad=${bad:---root takes --dry-run: nothing is installed in another root}
    [ -z "${given_architecture}" ] || [ -n "${root}" ] || bad=${bad:---architecture takes --root}
    DPKG_STATE=${root}${DPKG_STATE} APT_MARKS=${root}${APT_MARKS} OS_RELEASE=${root}${OS_RELEASE}
    baseline=$(print_state)
    check_result
    [ -z "${bad}" ] || misuse "${bad}"
}

# add_group NAME: to `groups`, once.
add_group() {
    is_name "$1" || bad=${bad:-"'$1' is not a group's name: it has a-z 0-9 + . _ - and begins with a letter or digit"}
    case " ${groups} " in *" $1 "*) ;; *) groups=${groups:+${groups} }$1 ;; esac
}
