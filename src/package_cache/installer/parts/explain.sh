# Why there is no plan: which package needs which version of what is here, in words that a person can act on.

# explain: print what is in the way, from apt's words, asked again while one thing hides the next; set `obstacle_lines`.
explain() {
    local section='' package='' relation='' hidden='' asked="${missing}" round=0 veiled='' words=''
    while :; do
        obstacle_lines='' veiled='' hidden=''
        words=$(printf '%s' "${said}" | tr -c 'a-zA-Z0-9+._-' ' ')
        select_packages ${words}
        [ "${trouble}" = no-plan ] || explain_half_done
        for_lines read_word_line "${said}"
        [ -n "${hidden}" ] && [ "${trouble}" = no-plan ] && [ "${round}" -lt 6 ] || break
        round=$((round + 1)) asked="${asked}${hidden}" # asked for itself, apt says what it lacks
        ask_for_plan ${asked}
    done
    obstacle_lines=${obstacle_lines:-${veiled}}
    [ -n "${obstacle_lines}" ] || for_lines read_error "${said}"
    for_lines complain_obstacle "${obstacle_lines:-obstacle=other||||apt does not say why}"
}
complain_obstacle() { complain "    ${1##*|}"; }

# add_obstacle KIND PACKAGE NEEDS HERE SENTENCE: once. What apt merely did not choose counts where nothing else is named.
add_obstacle() {
    local line="obstacle=$1|$2|$3|$4|$5${NEWLINE}"
    case ${obstacle_lines}:${hidden} in
        *"${line}"*) ;;
        *:*" ${3%% *}" | *:*" $2") veiled="${veiled}${line}" ;;
        *) obstacle_lines="${obstacle_lines}${line}" ;;
    esac
}

# read_error LINE: the last error stands for all.
read_error() { [ "${1#E:}" = "$1" ] || obstacle_lines="obstacle=other||||apt says:${1#E:}${NEWLINE}"; }

# explain_half_done: name the packages that are half installed, and a journal of dpkg's that is not empty.
explain_half_done() {
    local each='' version='' state=''
    for each in ${database}; do
        case ${each} in
            */?H*) state='half-installed' ;; */?U*) state='unpacked' ;; */?F*) state='half-configured' ;;
            */[uihrp]?R) state='to be installed again' ;; *) continue ;;
        esac
        version=${each#*/*/} version=${version%/*}
        add_obstacle half-installed "${each%%/*}" '' "${version}" "${each%%/*} ${version} is ${state}"
    done
    ! has_updates || add_obstacle half-installed dpkg '' '' 'a run of dpkg was interrupted: its journal, /var/lib/dpkg/updates, is not empty'
}

# read_word_line LINE of apt-get(8): a table of unmet dependencies, or lists of packages below their heads.
#      wanted : Depends: needed (= 2.0) but 1.0 is to be installed
read_word_line() {
    local name=''
    case $1 in
        ' '[!\ ]*' : '*)
            section=unmet
            package=${1%% : *}
            package=${package# }
            read_relation ${1#* : }
            ;;
        ' '*)
            [ "${section}" != unmet ] || read_relation $1
            for name in $1; do read_listed "${name%\*}"; done
            ;;
        'The following packages will be REMOVED'*) section='removal' ;;
        'The following packages will be DOWNGRADED'*) section='downgrade' ;;
        'The following held packages will be changed'*) section='held' ;;
        *) section= ;;
    esac
}

# read_relation [KIND:] NAME [(SIGN VERSION)] WORDS...: one thing that `package` could not have.
read_relation() {
    local needs='' version='' state='' exact='' text='' kind=version
    case $1 in *:) relation=${1%:} && shift ;; *) ;; esac
    [ $# -gt 0 ] || return 0
    needs=$1
    case ${2-} in '('*) needs="$1 $2 $3" ;; *) ;; esac
    case " ${asked} ":$* in *" $1 "*:*) ;; *'is not going to be installed'*) hidden="${hidden} $1" ;; *) ;; esac
    describe "$1"
    case ${trouble}:${relation} in
        dpkg-broken:*) kind=unmet text="${package} is here without what it needs: ${needs}, ${text}" ;;
        *:Conflicts) kind=conflict text="${package} conflicts with ${needs}: ${text}" ;;
        *:Breaks) kind=conflict text="${package} breaks ${needs}: ${text}" ;;
        *) case ${needs} in *"(= ${version})") text="${package} is tied to ${needs}, and the group needs another version" ;; *) text="${package} needs ${needs}: ${text}" ;; esac ;;
    esac
    case ${kind}:${state}:${version}:$* in
        version:h*) kind=held ;;
        version:*::*'is not installable'*) kind=absent text="${text}, and the group has none either" ;;
        version:*::*) kind=absent ;;
        *) ;;
    esac
    add_obstacle "${kind}" "${package}" "${needs}" "${version}" "${text}"
}

# describe NAME: set `text` to what of it is here, with `version` and `state`.
describe() {
    local provider=''
    find_package "${1%:any}"
    text="${version} is here"
    case ${state} in ?[nc]*) version='' text='it is not here' ;; h*) text="${text}, and held" ;; *) ;; esac
    [ -n "${version}" ] || ! find_provider "$1" || text="${provider} provides it here"
}

# read_listed NAME: of a list in `section`. Asked for what would be removed, apt says what it is in the way of.
read_listed() {
    local version='' state='' exact=''
    find_package "$1"
    case ${section}:" ${asked} " in
        removal:*" $1 "*) add_obstacle removal "$1" '' "${version}" "$1 ${version} is here and would have to be removed" ;;
        removal:*) hidden="${hidden} $1" ;;
        downgrade:*) add_obstacle downgrade "$1" '' "${version}" "$1 ${version} is here, newer than what the group asks for" ;;
        held:*) add_obstacle held "$1" '' "${version}" "$1 ${version} is held, and would have to change" ;;
        *) ;;
    esac
}
