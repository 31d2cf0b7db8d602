#!/bin/sh
# Check the action's inputs, and name the entry of the runner's cache: the first step of action.yml, which sets the variables.
# Its folder is that of the installer, whose parts it uses.
#
# Outputs: request (16 digits that stand for the inputs), key (what the entry's key starts with), packages, groups, system, architecture, started (hundredths of seconds of the machine's clock).

. shared/environment.sh
. shared/report.sh
. shared/statuses.sh
. shared/leave.sh
. shared/clock.sh
. shared/names.sh
. shared/process_groups.sh
. shared/processes.sh
. ../../../ci/github/workflow.sh

FORMAT=1        # of the cache: cache/layout.py
MOST_TEXT=65536 # characters of one input

# set_state: initialise the global state, grouped by the functions that set it.
set_state() {
    # what action.yml sets
    : "${PACKAGES=}" "${MANIFEST=}" "${WANTED_GROUPS=}" "${REPOSITORIES=}" "${CACHE_KEY=}" "${FALLBACK=true}" "${SKIP_MAN_DB=false}" "${GITHUB_WORKSPACE=}"
    # find_root, complain_of, read_words
    as_root='' wrong='' words=''
    # find_system, find_manifest
    system='' architecture='' manifest_file='' lock_file=''
}

# complain_of INPUT SENTENCE: remember what is wrong; all of it is said at once.
complain_of() { wrong="${wrong:+${wrong}; }$1: $2"; }

# digest TEXT: print its SHA-256.
digest() { printf %s "$1" | sha256sum | cut -c 1-64; }

# digest_of FILE: print the SHA-256 of its bytes; nothing if it cannot be read.
digest_of() { sha256sum <"$1" 2>/dev/null | cut -c 1-64; }

# read_words TEXT: set `words` to its words, each once, sorted: their order means nothing.
read_words() { words=$(printf '%s\n' $1 | LC_ALL=C sort -u | tr '\n' ' ') words=${words% }; }

# is_request TEXT: name, name:architecture or name=version; nothing that apt-get reads as an option, pattern or removal.
is_request() {
    case $1 in '' | [!a-z0-9]* | *[!A-Za-z0-9+.:~=_-]*) return 1 ;; *) ;; esac
    case ${1%%[:=]*} in *- | ? | *[A-Z~]*) return 1 ;; *) return 0 ;; esac
}

# check_words INPUT TEXT CHECK MEANING: set `words`, and complain of those that are not what they should be.
check_words() {
    local word=''
    [ "${#2}" -le "${MOST_TEXT}" ] || { complain_of "$1" "it has more than ${MOST_TEXT} characters" && return; }
    read_words "$2"
    for word in ${words}; do "$3" "${word}" || complain_of "$1" "'$(safe "${word}")' is not $4"; done
}

# check_choice INPUT TEXT
check_choice() { case $2 in true | false) ;; *) complain_of "$1" "'$(safe "$2")' is neither true nor false" ;; esac; }

# find_manifest: set `manifest_file`, and `lock_file` if the manifest's lock is committed (manifest_lock.py).
find_manifest() {
    local folder='' name="${MANIFEST##*/}"
    case ${MANIFEST} in
        *[[:cntrl:]]*) complain_of manifest 'it has control characters' && return ;;
        /* | ../* | */../* | */.. | ..) complain_of manifest 'it is not a path below the workspace' && return ;;
        *) manifest_file=${GITHUB_WORKSPACE}/${MANIFEST} ;;
    esac
    [ -f "${manifest_file}" ] && [ -r "${manifest_file}" ] || complain_of manifest "there is no file $(safe "${MANIFEST}") in the workspace: check the repository out first"
    folder=${manifest_file%/*}
    lock_file=${folder}/${name%.toml}.lock
    case ${name} in package_cache_info | package-cache.toml) lock_file=${folder}/package-cache.lock ;; *) ;; esac
    [ -f "${lock_file}" ] || lock_file=
}

# find_system: set `system` and `architecture`. 11 21
find_system() {
    local id='' version=''
    command -v dpkg >/dev/null && command -v apt-get >/dev/null || end_step no-dpkg 'this is not an image of the Debian family' 'use a container with Debian or Ubuntu, or a runner with Ubuntu'
    # shellcheck disable=SC1091,SC2154  # the names are os-release(5)'s
    id=$(. /etc/os-release && printf %s "${ID-}") version=$(. /etc/os-release && printf %s "${VERSION_ID-}")
    case ${id}=${version} in =* | *= | *[!a-z0-9._=]*) end_step not-for-system '/etc/os-release does not say which OS release this is' 'use another image' ;; *) system=${id}${version} ;; esac
    architecture=$(dpkg --print-architecture) || end_step dpkg-broken 'dpkg does not work here' 'read its message above'
}

# main
main() {
    local packages='' groups='' request='' locked=''
    set_state
    clock
    check_words packages "${PACKAGES}" is_request 'a package as in name, name:architecture or name=version'
    packages=${words}
    check_words groups "${WANTED_GROUPS}" is_name "a group's name"
    groups=${words}
    check_choice fallback "${FALLBACK}"
    check_choice skip-man-db "${SKIP_MAN_DB}"
    [ -z "${MANIFEST}" ] || find_manifest
    case ${packages:+packages} in
        packages)
            [ -z "${MANIFEST}${groups}" ] || complain_of packages 'manifest and groups name packages as well: use one of the two'
            groups=packages # the one of the manifest that build_cache.py writes
            ;;
        *)
            [ -n "${MANIFEST}${wrong}" ] || complain_of packages 'it is empty, and there is no manifest'
            [ -z "${REPOSITORIES}" ] || complain_of repositories 'it needs packages: a manifest has its own'
            ;;
    esac
    [ -z "${wrong}" ] || end_step usage "${wrong}" 'correct the inputs of this step'
    [ -n "${HOME-}" ] || end_step usage 'HOME is not set' 'set it for the job'
    find_system
    find_root || end_step not-root "this is user $(id -u), who has no sudo without a password" 'run the job as root, for a container with options: --user root'
    [ -z "${lock_file}" ] || locked=$(digest_of "${lock_file}" | cut -c 1-16)
    request=$(digest "$(digest "${packages}") $(digest "${groups}") $(digest "${REPOSITORIES}") $(digest "${CACHE_KEY}") ${manifest_file:+$(digest_of "${manifest_file}")}" | cut -c 1-16)
    rm -rf "${HOME}/.cache/package-cache-action/${request}" # what a killed run left on a machine that is used again
    set_output request "${request}"
    set_output key "package-cache-${FORMAT}-${system}-${architecture}-${request}-${locked:+${locked}-}"
    set_output packages "${packages}"
    set_output groups "${groups}"
    set_output system "${system}"
    set_output architecture "${architecture}"
    set_output started "${now}"
}

main
