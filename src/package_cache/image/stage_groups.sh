#!/bin/sh
# Stage groups of the cache in this image to a volume that a job's container shares.
#
#   stage_groups.sh [--system NAME]... [--expect GROUP=SHA256]... [--optional] --to DIR [--] GROUP...
#   stage_groups.sh --list
#
# The script copies what is missing: package files, then each group's folder in one rename, the description last. So a
# reader finds only complete groups, even after a kill at any moment. The next run continues, and replaces damaged
# files. Groups that are on the volume already stay.
#
# Of two runs at once the later one wins. There is no lock, because busybox has no flock. Instead, every change on the
# volume is a rename from or to the folder of the run, and a new run first moves the folders of other runs away. From
# then on the other run can change nothing, and ends. It leaves what a killed run leaves.
#
# --expect, and PACKAGE_CACHE_EXPECT, name the SHA-256 of the groups' Release files: other groups are not staged.
#
# Exit 0: the groups are staged. Other statuses are in docs/exit-statuses.md: 1, 2, 10, 11, 30, 31, 33, 41, 42, 130. With
# --optional all of them but 2 and 130 become 0: the job starts, finds no such group, and uses its fallback.
#
# It needs only busybox. The comment above a function says what it does, which variables it sets, and the exit statuses
# with which it can end the run.

# shellcheck disable=SC2086  # lists of names and paths are split into words on purpose; add_group_name and begin vouch for their characters
# shellcheck disable=SC2310,SC2312  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2317  # shellcheck does not see what traps call
# shellcheck disable=SC3040  # busybox sh knows pipefail
# shellcheck disable=SC3043  # and local
LIMIT=1800 # seconds that staging may take
set -u -o pipefail # a tool that is killed, as by the OOM killer, must not look like one without output

. shared/report.sh
. shared/statuses.sh
. shared/leave.sh
. shared/names.sh

# set_state: initialise the global state, grouped by the functions that set it; other variables are local.
set_state() {
    # read_command_line, choose
    cache=/ to='' groups='' systems='' expected='' optional='' chosen=''
    # begin, take_over, work, take_away
    new='' begun='' changed='' taken=0
    # main
    worker='' watch=''
}

# leave_message TEXT: leave what `kubectl describe pod` shows of an init container that has ended, also with --optional.
leave_message() {
    [ ! -w /dev/termination-log ] || say "$1" >/dev/termination-log || :
}

# stop REASON CAUSE NEXT-STEP: exit without the groups.
stop() {
    complain "cannot stage ${groups:-anything}${to:+ to ${to}}: $2"
    leave_message "cannot stage ${groups:-anything}${to:+ to ${to}} ($1): $2"
    complain "next step: $3"
    [ -z "${optional}" ] || complain 'the job starts anyway, and installs them by its fallback'
    [ -z "${optional}" ] || exit 0
    leave "$1"
}

# usage CAUSE: exit because of an invalid command line. 2
usage() {
    complain "$1"
    complain 'usage: [--system NAME]... [--expect GROUP=SHA256]... [--optional] --to DIR [--] GROUP..., or --list'
    leave usage
}

# tidy_up: the EXIT trap.
tidy_up() {
    trap '' INT TERM HUP
    [ -z "${watch}" ] || end_all "${watch}"
    [ -z "${new}" ] || rm -rf "${new}"
}

# interrupted: the trap of signals. 130
interrupted() {
    trap '' INT TERM HUP
    if [ -n "${worker}" ]; then
        end_all "${worker}"
        wait "${worker}" 2>/dev/null
    fi
    complain interrupted
    leave interrupted
}

# end_all PID: kill a process and its descendants.
end_all() {
    local each=''
    kill -STOP "$1" 2>/dev/null
    cat /proc/[0-9]*/stat 2>/dev/null |
        awk -v parent="$1" '{ pid = $1; sub(/^.*[)] /, ""); if ($2 == parent) print pid }' |
        while read -r each; do (end_all "${each}"); done
    kill -KILL "$1" 2>/dev/null
}

# read_command_line ARGUMENT...: set cache, to, groups, systems, optional. 0 2
read_command_line() {
    local each=''
    [ $# -gt 0 ] || usage 'name at least one group, and the volume with --to'
    while [ $# -gt 0 ]; do
        case $1 in
            --cache | --to | --system | --expect)
                [ $# -gt 1 ] || usage "$1 needs a value"
                case $1 in
                    --cache) cache=$2 ;;
                    --to) to=$2 ;;
                    --expect) expected="${expected} $2" ;;
                    *) add_system_name "$2" ;;
                esac
                shift
                ;;
            --optional) optional=yes ;;
            --list)
                group_folders | tr ' ' '\t' | cat -v
                exit 0
                ;;
            --)
                shift
                break
                ;;
            -*) usage "there is no option $1" ;;
            *) add_group_name "$1" ;;
        esac
        shift
    done
    for each in "$@"; do add_group_name "${each}"; done
    set -- ${PACKAGE_CACHE_EXPECT-} ${expected}
    for each in "$@"; do is_expectation "${each}" || usage "'${each}' is not GROUP=SHA256"; done
    expected=$*
    [ -n "${groups}" ] || usage 'name at least one group'
    [ -n "${to}" ] || usage 'name the volume with --to DIR'
}

# add_group_name NAME: to `groups`, once. 2
add_group_name() {
    is_name "$1" || usage "'$1' is not the name of a group"
    case " ${groups} " in *" $1 "*) ;; *) groups="${groups}${groups:+ }$1" ;; esac
}

# add_system_name NAME: to `systems`, once. 2
add_system_name() {
    case $1 in
        '' | *[!a-z0-9._]*) usage "'$1' is not the name of a system" ;;
        *) ;;
    esac
    case "${systems} " in *" $1 "*) ;; *) systems="${systems} $1" ;; esac
}

# group_folders: print "<group> <system>" for each group folder of the cache.
group_folders() {
    local folder=''
    for folder in "${cache}"/groups/*-*; do
        [ -d "${folder}" ] || continue
        folder=${folder##*/}
        printf '%s %s\n' "${folder%-*}" "${folder##*-}"
    done
}

# choose: set `chosen` to the folders "<group>-<system>" to stage; stop with a list of all missing ones. 10 11 30
choose() {
    local there='' lacking='' reason='no-such-group' group='' system='' offered=''
    [ -s "${cache}/package-cache.json" ] || stop cache-missing "there is no cache in ${cache}" 'use an image that package-cache image made'
    there=$(group_folders)
    for group in ${groups}; do
        offered=$(printf '%s\n' "${there}" | awk -v group="${group}" '$1 "" == group "" { printf "%s ", $2 }')
        [ -n "${offered}" ] || lacks "there is no group ${group}, but: $(printf '%s\n' "${there}" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')"
        for system in ${systems:-${offered}}; do
            case " ${offered} " in
                *" ${system} "*) chosen="${chosen} ${group}-${system}" ;;
                '  ') ;;
                *) lacks "the group ${group} is not for ${system}, but for: ${offered}" && reason=not-for-system ;;
            esac
        done
    done
    [ -z "${lacking}" ] || stop "${reason}" "${lacking}" 'name an existing group and system, or add it to the manifest and make the image again'
    [ -z "${expected}" ] || check_expected
}

# check_expected: each chosen folder is of a group that is expected. 33
check_expected() {
    local folder='' found=''
    for folder in ${chosen}; do
        found=$(sha256sum <"${cache}/groups/${folder}/Release")
        case " ${expected} " in
            *" ${folder%-*}=${found%% *} "*) ;;
            *) stop not-trusted "the Release of ${folder} has the SHA-256 ${found%% *}, which is not expected" 'find out who altered the image, or name the hash of the one that is trusted' ;;
        esac
    done
}

# lacks WHAT: add to `lacking`.
lacks() {
    lacking="${lacking:+${lacking}; }${1% }"
}

# writing COMMAND...: run a command that writes to the volume; if it fails, stop with the status of its message. 1 41 42
writing() {
    local words=''
    words=$("$@" 2>&1) && return
    [ -z "${begun}" ] || still_ours
    case ${words} in
        *'No space left'* | *'Disk quota exceeded'*) stop no-space "${words}" 'raise the sizeLimit of the volume, or free space on the node' ;;
        *'Read-only'* | *'ermission denied'* | *'not permitted'*) stop read-only "${words}" 'mount a volume that this user may write to' ;;
        *) stop internal "${words}" 'run it again; if that does not help, report it' ;;
    esac
}

# still_ours: no other run has taken the volume. 1
still_ours() {
    [ -d "${new}" ] || stop internal 'another run is staging to it' 'wait until it ends, then run this again'
}

# into FILE: write standard input to a file of this run. By cat, because other tools of busybox do not report a full disk.
# At the end of a pipe this is a process of its own, which cannot end the caller: add "|| end_of_pipe".
into() {
    writing write_to "${new}/$1"
}

write_to() {
    cat >"$1"
}

# end_of_pipe: stop because a pipe failed; the command that wrote to the volume has said why. 1 41 42
end_of_pipe() {
    local ended="$?" reason=''
    for reason in no-space read-only; do
        status_of "${reason}"
        [ "${ended}" != "${status}" ] || exit "${ended}"
    done
    still_ours # perhaps reported twice: better than never
    stop internal "a command ended with status ${ended}" 'give the container more memory, or run it again'
}

# take_away PATH: move it out of the volume, in one rename.
take_away() {
    taken=$((taken + 1))
    writing mv "$1" "${new}/taken-${taken}"
}

# remove_odd: remove links, pipes and devices: a cache has none, and they lead out of the volume or block a reader.
remove_odd() {
    local odd=''
    [ ! -L "${to}" ] || stop read-only 'it is a symbolic link' 'name the folder that it leads to'
    odd=$(odd)
    [ -n "${odd}" ] || return 0
    complain "removing what is neither a file nor a folder: $(printf '%s' "${odd}" | tr '\n' ' ')"
    odd -exec rm -f '{}' +
    odd=$(odd)
    [ -z "${odd}" ] || stop read-only "${odd} is neither a file nor a folder, and cannot be removed" 'mount a volume that this user may write to'
}

odd() {
    find "${to}/pool" "${to}/groups" "${to}/.staged" "${to}/package-cache.json" "${to}/install_group.sh" ! -type f ! -type d "$@" 2>/dev/null
}

# needed FOLDER...: print "<sha256> <bytes>" of each package file that the folders need, once.
needed() {
    local folder=''
    for folder in "$@"; do cat "${folder}/Packages"* 2>/dev/null || :; done |
        awk '/^Filename: pool\// { name = substr($2, 6, 64) } /^Size: / { size = $2 } /^SHA256: / { print name, size }' |
        sort -u
}

# not_in FOLDER: print the lines of standard input whose file is not in its pool with that size.
not_in() {
    {
        find "$1/pool" -type f -name '*.deb' -exec stat -c '. %s %n' '{}' + 2>/dev/null
        cat
    } | awk '
        $1 == "." { path = $0; sub(/^.*\//, "", path); size[path] = $2; next }
        size[$1 ".deb"] "" != $2 ""'
}

# remove_damaged: move away needed package files of the volume whose content does not match their names. What has another
# size is not read: a sparse file can be endless.
remove_damaged() {
    local path=''
    not_in "${to}" <"${new}/needed" | into missing || end_of_pipe
    still_ours
    {
        awk -v pool="${to}/pool" '{ print pool "/" $1 ".deb" }' "${new}/missing"
        awk -v pool="${to}/pool" '
            FILENAME ~ /missing$/ { gone[$1] = 1; next }
            !($1 in gone) { print $1 "  " pool "/" $1 ".deb" }' "${new}/missing" "${new}/needed" |
            { sha256sum -c 2>/dev/null || [ $? = 1 ]; } | sed -n 's/[.]deb: FAILED.*$/.deb/p'
    } | into damaged || end_of_pipe
    while read -r path; do
        [ -e "${path}" ] || continue # missing, not damaged
        complain "${path} was damaged: staging it again"
        take_away "${path}"
    done <"${new}/damaged"
}

# copy_packages: copy the missing package files. 1 31 41 42
copy_packages() {
    local gone='' sha256=''
    not_in "${to}" <"${new}/needed" | into missing || end_of_pipe
    gone=$(not_in "${cache}" <"${new}/missing" | head -n 1)
    [ -z "${gone}" ] || stop cache-damaged "the image lacks the package file ${gone%% *}, or has another one" 'make the image again'
    writing mkdir "${new}/pool"
    still_ours
    set -- # in parts, because an argument list has a maximum length
    while read -r sha256 _; do
        set -- "$@" "${cache}/pool/${sha256}.deb"
        [ $# -lt 500 ] || { copy_some "$@" && set --; }
    done <"${new}/missing"
    [ $# -eq 0 ] || copy_some "$@"
}

copy_some() {
    writing cp "$@" "${new}/pool/"
    writing chmod 644 "${new}"/pool/*
    writing mv -f "${new}"/pool/* "${to}/pool/"
}

# has_folder NAME: the volume's folder equals the image's.
has_folder() {
    diff -qr "${cache}/groups/$1" "${to}/groups/$1" >/dev/null 2>&1
}

# put FILE PATH MODE: copy a file, in one rename. 1 41 42
put() {
    writing cp "$1" "${new}/file"
    writing chmod "$3" "${new}/file"
    [ ! -d "$2" ] || take_away "$2"
    writing mv -f "${new}/file" "$2"
}

publish_groups() {
    local folder=''
    for folder in ${changed}; do
        writing cp -r "${cache}/groups/${folder}" "${new}/${folder}"
        [ ! -e "${to}/groups/${folder}" ] || take_away "${to}/groups/${folder}"
        writing mv "${new}/${folder}" "${to}/groups/${folder}"
        put "${cache}/init/groups/${folder}" "${to}/.staged/${folder}" 644
    done
}

# describe_groups: write the description of the groups that were staged from images and have not changed since.
describe_groups() {
    local known='' told='' folder='' digest='' comma=''
    for told in "${to}"/.staged/*-*; do
        folder=${to}/groups/${told##*/}
        digest=$(sha256sum "${folder}/Release" 2>/dev/null) || continue
        [ "${digest%% *}" != "$(head -n 1 "${told}")" ] || known="${known} ${folder}"
    done
    {
        if has_installer; then
            cat "${cache}/init/head"
        else # which is about to change: it is described when it is staged
            sed 's/"installer_digest": "[^"]*"/"installer_digest": ""/' "${cache}/init/head"
        fi
        for folder in ${known}; do
            printf '%s' "${comma}"
            sed 1d "${to}/.staged/${folder##*/}"
            comma=,
        done
        needed ${known} | awk '{ size += $2 } END { printf "],\"packages\":%d,\"size\":%.0f}\n", NR, size }'
    } | into description || end_of_pipe
    put "${new}/description" "${to}/package-cache.json" 644
}

has_installer() {
    cmp -s "${cache}/install_group.sh" "${to}/install_group.sh"
}

# remove_unneeded: remove package files that no group on the volume needs, now or before this run: a running job may still
# read the latter.
remove_unneeded() {
    local sha256=''
    needed "${to}"/groups/* | cut -d ' ' -f 1 | into now || end_of_pipe
    if [ -e "${to}/.staged/needed" ]; then
        sort -u "${new}/now" "${to}/.staged/needed" | into kept || end_of_pipe
        find "${to}/pool" -maxdepth 1 -name '*.deb' | sed 's/^.*[/]//; s/[.]deb$//' |
            awk 'NR == FNR { kept[$1] = 1; next } !($1 in kept)' "${new}/kept" - | into unneeded || end_of_pipe
        while read -r sha256; do
            take_away "${to}/pool/${sha256}.deb"
        done <"${new}/unneeded"
    fi
    put "${new}/now" "${to}/.staged/needed" 644
}

# begin: check the path of the volume, and set `new`. 2
begin() {
    local same=''
    case ${to} in /*) ;; *) to=$(pwd)/${to} ;; esac
    while [ "${to}" != "${to%/}" ] && [ "${to}" != / ]; do to=${to%/}; done
    case ${to} in *[!A-Za-z0-9/._+:@%=-]*) usage "the path '${to}' holds characters other than letters, digits and /._+:@%=-" ;; *) ;; esac
    same=$(cd "${to}" 2>/dev/null && pwd -P)
    [ "${same}" != "$(cd "${cache}" && pwd -P)" ] || usage "--to ${to} is the cache itself"
    umask 022
    new=${to}/groups/.new-$(cat /proc/sys/kernel/random/uuid)
}

# take_over: take the volume for this run, with all that killed or concurrent runs have there. 1 41 42
take_over() {
    local other=''
    remove_odd
    writing mkdir -p "${to}/pool" "${to}/groups" "${to}/.staged"
    writing mkdir "${new}"
    begun=yes
    for other in "${to}"/groups/.new-*; do
        [ "${other}" = "${new}" ] || mv "${other}" "${new}/" 2>/dev/null # or it has gone meanwhile
    done
}

# work: stage the chosen groups. 1 31 41 42
work() {
    local folder='' staged=''
    take_over
    set --
    for folder in ${chosen}; do
        set -- "$@" "${cache}/groups/${folder}"
        has_folder "${folder}" && continue
        changed="${changed} ${folder}"
        [ ! -e "${to}/.staged/${folder}" ] || take_away "${to}/.staged/${folder}"
    done
    needed "$@" | into needed || end_of_pipe
    remove_damaged
    copy_packages
    [ ! -e "${to}/package-cache.json" ] || { [ -z "${changed}" ] && has_installer; } || describe_groups # without the groups that are about to change
    publish_groups
    has_installer || put "${cache}/install_group.sh" "${to}/install_group.sh" 755
    describe_groups
    remove_unneeded
    staged=$(awk -v what="staged ${groups} to ${to}" '
        FILENAME ~ /missing$/ { files++; bytes += $2; next }
        { all += $2; count++ }
        END {
            s = files == 1 ? "" : "s"
            printf "%s: %d new package file%s, %.1f MB, of %d, %.1f MB", what, files, s, bytes / 1e6, count, all / 1e6
        }' "${new}/missing" "${new}/needed")
    say "${staged}"
    leave_message "${staged}"
}

# main ARGUMENT...
main() {
    local ended=''
    set_state
    trap tidy_up EXIT
    trap interrupted INT TERM HUP
    read_command_line "$@"
    choose
    begin
    work & # a shell handles no signal while it waits for a command in the foreground
    worker=$!
    { sleep "${LIMIT}" && end_all "${worker}"; } >/dev/null 2>&1 & # a pipe that another process creates meanwhile would block
    watch=$!
    wait "${worker}"
    ended=$?
    worker=
    [ "${ended}" -lt 128 ] || stop internal "a process was ended with status ${ended}" 'give the container more memory, or run it again'
    exit "${ended}"
}

main "$@"
