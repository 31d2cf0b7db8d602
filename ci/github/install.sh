#!/bin/sh
# Install the packages of the action's request: from the restored cache, else from a new one, else by apt-get. Whatever it was,
# each package is looked up in dpkg's database at the end. A step of action.yml, which sets the variables.
# Its folder is that of the installer, which it runs.
#
# Outputs: cache-hit, packages (name=version), seconds, save-key (empty: nothing is saved).

. shared/environment.sh
. shared/report.sh
. shared/statuses.sh
. shared/leave.sh
. shared/clock.sh
. shared/text.sh
. shared/process_groups.sh
. shared/processes.sh
. shared/locks.sh
. shared/packages.sh
. ../../../ci/github/workflow.sh
. ../../../ci/github/build.sh

MAN_DB_UPDATES=/var/lib/man-db/auto-update # man-db's trigger does nothing without this file: its postinst
APT_LIMIT=1800                             # seconds for apt-get

# set_state: initialise the global state, grouped by the functions that set it.
set_state() {
    # what action.yml sets
    : "${PACKAGES=}" "${WANTED_GROUPS=}" "${SYSTEM=}" "${ARCHITECTURE=}" "${REQUEST=}" "${KEY=}" "${MATCHED_KEY=}" "${STARTED=0}" "${FALLBACK=true}" "${SKIP_MAN_DB=false}"
    # main
    as_root='' cache='' work='' groups='' requests='' save_key='' paused='' token=''
    # find_python, add_packages
    python='' before=''
    # verify, select_packages, find_package, find_provider, be_patient
    architecture='' database='' known='' provider='' lock_timeout='' listed='' lacking='' rows=''
}

# aside COMMAND...: run it; the runner takes nothing in its output for a command of a workflow. Returns its status.
aside() {
    local ended=''
    printf '::stop-commands::%s\n' "${token}"
    "$@" 2>&1 # one stream, so that the order of its lines is kept
    ended=$?
    printf '::%s::\n' "${token}"
    return "${ended}"
}

# find_groups: set `groups` to those that were asked for, else to all of the cache for this OS release. Status 1: there is none.
find_groups() {
    local path=''
    groups=${WANTED_GROUPS}
    [ -z "${groups}" ] || return 0
    set +f && set -- "${cache}/groups"/*-"${SYSTEM}" && set -f
    for path in "$@"; do [ ! -d "${path}" ] || path=${path##*/} groups="${groups} ${path%-*}"; done
    [ -n "${groups}" ]
}

# read_requests: set `requests` to those of the groups, as the cache states them (docs/cache-format.md).
read_requests() {
    local group='' key='' value=''
    requests=${PACKAGES}
    [ -z "${requests}" ] || return 0
    for group in ${groups}; do
        while read -r key value; do [ "${key}" != package ] || requests="${requests} ${value}"; done <"${cache}/groups/${group}-${SYSTEM}/${architecture}.group"
    done
}

# install_from_cache: return the installer's status.
install_from_cache() {
    find_groups || { complain "the cache has no group for ${SYSTEM}" && return 10; }
    aside ${as_root} sh install_group.sh --cache "${cache}" -- ${groups}
}

# use_restored: install from the cache of an earlier run. Status 1: it cannot be used, but a new one perhaps can; 2: no cache can.
use_restored() {
    [ -n "${MATCHED_KEY}" ] || return 1
    say "restored ${MATCHED_KEY}"
    install_from_cache
    case $? in 0) read_requests ;; 1[0-3] | 3[0-2]) return 1 ;; *) return 2 ;; esac
}

# use_new: build a cache, install from it, and set `save_key`, which differs from that of a restored cache that was of no use:
# an entry cannot be replaced, but the newest one is restored of those whose keys start with KEY.
use_new() {
    local lock=''
    rm -rf "${cache}"
    mkdir -p "${cache}" "${work}" && build_cache && install_from_cache || return
    read_requests
    read -r lock <"${work}/lock"
    save_key=${KEY}${lock}
    [ "${save_key}" != "${MATCHED_KEY}" ] || save_key=${save_key}-${GITHUB_RUN_ID-}.${GITHUB_RUN_ATTEMPT-}
}

# use_apt: install from the image's own sources.
use_apt() {
    requests=${PACKAGES}
    [ -n "${requests}" ] || { [ -r "${work}/requests" ] && requests=$(cat "${work}/requests"); } ||
        end_step install-failed 'no cache can be used, and its manifest could not be read' 'read the messages above'
    printf '::warning title=Package Cache::no cache can be used: apt-get installs\n'
    aside ${as_root} sh online_fallback.sh false "${APT_LIMIT}" ${requests}
}

# pause_man_db, resume_man_db: that a killed run leaves it paused is what hosted runners have anyway.
pause_man_db() { [ "${SKIP_MAN_DB}" != true ] || [ ! -e "${MAN_DB_UPDATES}" ] || { ${as_root} rm -f "${MAN_DB_UPDATES}" && paused=yes; }; }
resume_man_db() { [ -z "${paused}" ] || ${as_root} touch "${MAN_DB_UPDATES}"; }

# verify: set `listed` to NAME=VERSION of each request, `rows` to lines of a table, and `lacking` to what dpkg does not have.
verify() {
    # shellcheck disable=SC2034  # what find_package sets, and not every program reads
    local request='' name='' version='' state='' exact=''
    database=$(query "${PACKAGE_LINE}" 2>/dev/null)
    select_packages ${requests}
    for request in ${requests}; do
        name=${request%%=*} name=${name%:"${architecture}"}
        if is_installed "${request}"; then
            find_package "${name}"
        elif find_provider "${request}"; then
            name=${provider% *} version=${provider##* }
        else
            lacking="${lacking} ${request}" && continue
        fi
        listed="${listed} ${name}=${version}" rows="${rows}| ${name} | ${version} |${NEWLINE}"
    done
    [ -n "${requests}" ] && [ -z "${lacking}" ]
}

# report WAY HIT
report() {
    local seconds=''
    clock
    seconds=$((now - STARTED)) seconds=$(printf '%d.%02d' "$((seconds / 100))" "$((seconds % 100))")
    set_output cache-hit "$2"
    set_output packages "${listed# }"
    set_output seconds "${seconds}"
    set_output save-key "${save_key}"
    say "$1: ${listed# } in ${seconds} s"
    summarize '### Package Cache' '' '| | |' '| --- | --- |' "| packages from | $1 |" "| OS release | ${SYSTEM}, ${architecture} |" \
        "| seconds | ${seconds} |" "| cache | ${MATCHED_KEY:-none was restored}${save_key:+; saved: ${save_key}} |" '' '| package | version |' '| --- | --- |' "${rows}"
}

# main
main() {
    local way='the restored cache' hit=true
    set_state
    umask 022
    reset_ifs
    find_root
    architecture=${ARCHITECTURE} cache=${HOME}/.cache/package-cache-action/${REQUEST} work=${RUNNER_TEMP:-/tmp}/package-cache-${REQUEST}
    token=$(cat /proc/sys/kernel/random/uuid)
    trap 'resume_man_db' EXIT
    pause_man_db
    use_restored
    case $? in
        0) ;;
        1) hit=false way='a new cache' && use_new || way= ;;
        *) way= ;;
    esac
    if [ -z "${way}" ]; then
        [ "${FALLBACK}" = true ] || end_step install-failed 'no cache can be used, and fallback is false' 'read the messages above'
        hit=false way=apt-get
        use_apt || end_step install-failed 'neither a cache nor apt-get installed them' 'read the messages above'
    fi
    verify || end_step install-failed "dpkg does not have installed:$(safe "${lacking:- anything}")" 'report it, with the log of this step'
    report "${way}" "${hit}"
}

main
