#!/bin/sh
# Stage groups of the cache in this image to a volume that a job's container shares.
#
#   stage_groups.sh [--system NAME]... [--optional] --to DIR [--] GROUP...
#   stage_groups.sh --list
#
# Copies what is not there yet: package files, then each group's folder in one rename, the description last. So a
# reader finds whole groups only, also where this is killed at any moment; run again it goes on, and mends what
# it finds damaged. Groups that are there already stay.
#
# Of two runs at once the later one wins. There is no lock, for busybox has no flock; but all that changes on the
# volume is renamed from or to the folder of the run, and who begins takes the folders of others away in one rename.
# From then on the other run can change nothing, and ends. What it had done is what a killed one leaves.
#
# Exit 0: the groups are there. Else the statuses of docs/exit-statuses.md: 1, 2, 10, 11, 30, 31, 41, 42, 130. With
# --optional the status is 0 instead of all but 2 and 130: the job starts, finds no such group, and takes its fallback.
#
# Needs busybox and nothing else. Variables are global; those of one function only begin with "_".

# shellcheck disable=SC2086  # lists of names and paths are split into words on purpose; add_group and main vouch for their signs
# shellcheck disable=SC2310,SC2312  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2317  # shellcheck 0.9 does not see what traps call
# shellcheck disable=SC3040  # busybox sh knows pipefail
set -u -o pipefail # a tool that is killed, as for want of memory, must not look as if it had had nothing to say

cache=/
to=
groups=
systems=
optional=
new=
begun=
worker=
taken=0
me=package-cache

say() {
    printf '%s: %s\n' "${me}" "$*"
}

complain() {
    printf '%s: %s\n' "${me}" "$*" >&2
}

# End with STATUS: CAUSE, NEXT STEP.
stop() {
    complain "cannot stage ${groups:-anything}${to:+ to ${to}}: $2"
    complain "next step: $3"
    [ -z "${optional}" ] || complain 'the job starts all the same, and installs them by its fallback'
    [ -z "${optional}" ] || exit 0
    exit "$1"
}

usage() {
    complain "$1"
    complain 'usage: [--system NAME]... [--optional] --to DIR [--] GROUP..., or --list'
    exit 2
}

tidy_up() {
    trap '' INT TERM HUP
    [ -z "${new}" ] || rm -rf "${new}"
}

interrupted() {
    trap '' INT TERM HUP
    if [ -n "${worker}" ]; then
        end_all "${worker}"
        wait "${worker}" 2>/dev/null
    fi
    complain interrupted
    exit 130
}

# Kill a process and all that it started.
end_all() {
    kill -STOP "$1" 2>/dev/null
    cat /proc/[0-9]*/stat 2>/dev/null |
        awk -v parent="$1" '{ pid = $1; sub(/^.*[)] /, ""); if ($2 == parent) print pid }' |
        while read -r _child; do (end_all "${_child}"); done
    kill -KILL "$1" 2>/dev/null
}

read_arguments() {
    [ $# -gt 0 ] || usage 'name at least one group, and the volume with --to'
    while [ $# -gt 0 ]; do
        case $1 in
            --cache | --to | --system)
                [ $# -gt 1 ] || usage "$1 needs a value"
                case $1 in
                    --cache) cache=$2 ;;
                    --to) to=$2 ;;
                    *) add_system "$2" ;;
                esac
                shift
                ;;
            --optional) optional=yes ;;
            --list)
                list_groups
                exit 0
                ;;
            --)
                shift
                break
                ;;
            -*) usage "there is no option $1" ;;
            *) add_group "$1" ;;
        esac
        shift
    done
    for _group in "$@"; do add_group "${_group}"; done
    [ -n "${groups}" ] || usage 'name at least one group'
    [ -n "${to}" ] || usage 'name the volume with --to DIR'
}

add_group() {
    case $1 in
        '' | *[!a-z0-9+._-]* | [!a-z0-9]*) usage "'$1' is not the name of a group" ;;
        *) ;;
    esac
    case " ${groups} " in *" $1 "*) ;; *) groups="${groups}${groups:+ }$1" ;; esac
}

add_system() {
    case $1 in
        '' | *[!a-z0-9._]*) usage "'$1' is not the name of a system" ;;
        *) ;;
    esac
    case "${systems} " in *" $1 "*) ;; *) systems="${systems} $1" ;; esac
}

# Print "<group> <system>" for each group folder of the cache.
group_folders() {
    for _folder in "${cache}"/groups/*-*; do
        [ -d "${_folder}" ] || continue
        _folder=${_folder##*/}
        printf '%s %s\n' "${_folder%-*}" "${_folder##*-}"
    done
}

list_groups() {
    group_folders | while read -r _group _system; do printf '%s\t%s\n' "${_group}" "${_system}"; done
}

# Set `chosen` to the folders "<group>-<system>" that are to be staged; stop, with all that is missing, where one is.
choose() {
    [ -s "${cache}/package-cache.json" ] || stop 30 "there is no cache in ${cache}" 'use an image that package-cache image made'
    _there=$(group_folders)
    chosen=
    _missing=
    _status=10
    for _group in ${groups}; do
        _for=$(printf '%s\n' "${_there}" | awk -v group="${_group}" '$1 "" == group "" { printf "%s ", $2 }')
        [ -n "${_for}" ] || lacks "there is no group ${_group}, but: $(printf '%s\n' "${_there}" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')"
        for _system in ${systems:-${_for}}; do
            case " ${_for} " in
                *" ${_system} "*) chosen="${chosen} ${_group}-${_system}" ;;
                '  ') ;;
                *) lacks "the group ${_group} is not for ${_system}, but for: ${_for}" && _status=11 ;;
            esac
        done
    done
    [ -z "${_missing}" ] || stop "${_status}" "${_missing}" 'name what is there, or add it to the manifest and make the image again'
}

lacks() {
    _missing="${_missing:+${_missing}; }${1% }"
}

# Run a command that writes to the volume; stop with the status that its words mean where it fails.
writing() {
    _words=$("$@" 2>&1) && return
    [ -z "${begun}" ] || still_ours
    case ${_words} in
        *'No space left'* | *'Disk quota exceeded'*) stop 41 "${_words}" 'raise the sizeLimit of the volume, or free space on the node' ;;
        *'Read-only'* | *'ermission denied'* | *'not permitted'*) stop 42 "${_words}" 'mount a volume that this user may write to' ;;
        *) stop 1 "${_words}" 'run it again; if that does not help, report it' ;;
    esac
}

still_ours() {
    [ -d "${new}" ] || stop 1 'another run stages to it' 'let one end, then run this again'
}

# Write standard input to the file $1 of this run. By cat, for other tools of busybox do not tell that a disk is full.
# At the end of a pipe this is a process of its own: where it stops, the caller goes on with "|| end_of_pipe".
into() {
    writing write_to "${new}/$1"
}

write_to() {
    cat >"$1"
}

# Stop because a pipe came to no good end: what wrote to the volume has told why.
end_of_pipe() {
    _status=$?
    case ${_status} in 41 | 42) exit "${_status}" ;; *) ;; esac
    still_ours # told again, perhaps: better than never
    stop 1 "a command ended with status ${_status}" 'give the container more memory, or run it again'
}

# Take a path out of the volume, in one rename.
take_away() {
    taken=$((taken + 1))
    writing mv "$1" "${new}/taken-${taken}"
}

# Remove what a cache never holds and what would lead out of the volume, or be waited for: links, pipes, devices.
remove_odd() {
    [ ! -L "${to}" ] || stop 42 'it is a symbolic link' 'name the folder that it leads to'
    _odd=$(odd)
    [ -n "${_odd}" ] || return 0
    complain "removing what is neither a file nor a folder: $(printf '%s' "${_odd}" | tr '\n' ' ')"
    odd -exec rm -f '{}' +
    _odd=$(odd)
    [ -z "${_odd}" ] || stop 42 "${_odd} is neither a file nor a folder, and cannot be removed" 'mount a volume that this user may write to'
}

odd() {
    find "${to}/pool" "${to}/groups" "${to}/.staged" "${to}/package-cache.json" "${to}/install_group.sh" ! -type f ! -type d "$@" 2>/dev/null
}

# Print "<sha256> <bytes>" of the package files that the folders given need; each once.
needed() {
    for _folder in "$@"; do cat "${_folder}/Packages"* 2>/dev/null || :; done |
        awk '/^Filename: pool\// { name = substr($2, 6, 64) } /^Size: / { size = $2 } /^SHA256: / { print name, size }' |
        sort -u
}

# Print those lines of standard input whose file in the pool at $1 is not there with that size.
not_in() {
    {
        find "$1/pool" -type f -name '*.deb' -exec stat -c '. %s %n' '{}' + 2>/dev/null
        cat
    } | awk '
        $1 == "." { path = $0; sub(/^.*\//, "", path); size[path] = $2; next }
        size[$1 ".deb"] "" != $2 ""'
}

# Set aside package files among those needed that are on the volume, but are not what their names say.
remove_damaged() {
    not_in "${to}" <"${new}/needed" | into missing || end_of_pipe
    still_ours
    while read -r _sha256 _; do
        damaged_file "${_sha256}"
    done <"${new}/missing"
    awk -v missing="${new}/missing" -v pool="${to}/pool" '
        BEGIN { while ((getline line <missing) > 0) { split(line, part, " "); gone[part[1]] = 1 } }
        !($1 in gone) { print $1 "  " pool "/" $1 ".deb" }' "${new}/needed" | into hashes || end_of_pipe
    [ -s "${new}/hashes" ] || return 0
    { sha256sum -c "${new}/hashes" 2>/dev/null || [ $? = 1 ]; } | sed -n 's/[.]deb: FAILED.*$//p' | into damaged || end_of_pipe
    while read -r _path; do
        damaged_file "${_path##*/}"
    done <"${new}/damaged"
}

damaged_file() {
    [ -e "${to}/pool/$1.deb" ] || return 0
    complain "${to}/pool/$1.deb was damaged: it is staged again"
    take_away "${to}/pool/$1.deb"
}

copy_packages() {
    not_in "${to}" <"${new}/needed" | into missing || end_of_pipe
    _gone=$(not_in "${cache}" <"${new}/missing" | head -n 1)
    [ -z "${_gone}" ] || stop 31 "the image lacks the package file ${_gone%% *}, or has another one" 'make the image again'
    writing mkdir "${new}/pool"
    still_ours
    set -- # in parts, for a list of arguments has an end
    while read -r _sha256 _; do
        set -- "$@" "${cache}/pool/${_sha256}.deb"
        [ $# -lt 500 ] || { copy_some "$@" && set --; }
    done <"${new}/missing"
    [ $# -eq 0 ] || copy_some "$@"
}

copy_some() {
    writing cp "$@" "${new}/pool/"
    writing chmod 644 "${new}"/pool/*
    writing mv -f "${new}"/pool/* "${to}/pool/"
}

# Tell whether the volume has the folder $1 just as the image has it.
has_folder() {
    _ours=$(ls "${cache}/groups/$1")
    [ "${_ours}" = "$(ls -A "${to}/groups/$1" 2>/dev/null)" ] || return 1
    for _file in ${_ours}; do
        cmp -s "${cache}/groups/$1/${_file}" "${to}/groups/$1/${_file}" || return 1
    done
}

# Put the file $1 at $2, in one rename.
put() {
    writing cp "$1" "${new}/file"
    writing chmod "$3" "${new}/file"
    [ ! -d "$2" ] || take_away "$2"
    writing mv -f "${new}/file" "$2"
}

publish_groups() {
    for _folder in ${changed}; do
        writing cp -r "${cache}/groups/${_folder}" "${new}/${_folder}"
        [ ! -e "${to}/groups/${_folder}" ] || take_away "${to}/groups/${_folder}"
        writing mv "${new}/${_folder}" "${to}/groups/${_folder}"
        put "${cache}/init/groups/${_folder}" "${to}/.staged/${_folder}" 644
    done
}

# Describe the groups that were staged from images and are what they were then.
describe() {
    _known=
    for _told in "${to}"/.staged/*-*; do
        _folder=${to}/groups/${_told##*/}
        _digest=$(sha256sum "${_folder}/Release" 2>/dev/null) || continue
        [ "${_digest%% *}" != "$(head -n 1 "${_told}")" ] || _known="${_known} ${_folder}"
    done
    {
        if has_installer; then
            cat "${cache}/init/head"
        else # which is about to change: it is described when it is there
            sed 's/"installer_digest": "[^"]*"/"installer_digest": ""/' "${cache}/init/head"
        fi
        _comma=
        for _folder in ${_known}; do
            printf '%s' "${_comma}"
            sed 1d "${to}/.staged/${_folder##*/}"
            _comma=,
        done
        needed ${_known} | awk '{ size += $2 } END { printf "],\"packages\":%d,\"size\":%.0f}\n", NR, size }'
    } | into description || end_of_pipe
    put "${new}/description" "${to}/package-cache.json" 644
}

has_installer() {
    cmp -s "${cache}/install_group.sh" "${to}/install_group.sh"
}

# Remove package files that neither a group on the volume needs nor one needed before this run: a job may still read it.
remove_unneeded() {
    needed "${to}"/groups/* | cut -d ' ' -f 1 | into now || end_of_pipe
    if [ -e "${to}/.staged/needed" ]; then
        for _file in "${to}"/pool/*.deb; do
            _file=${_file##*/}
            echo "${_file%.deb}"
        done | sort | into there || end_of_pipe
        sort -u "${new}/now" "${to}/.staged/needed" | into kept || end_of_pipe
        awk 'NR == FNR { kept[$1] = 1; next } !($1 in kept)' "${new}/kept" "${new}/there" | into unneeded || end_of_pipe
        while read -r _sha256; do
            take_away "${to}/pool/${_sha256}.deb"
        done <"${new}/unneeded"
    fi
    put "${new}/now" "${to}/.staged/needed" 644
}

# Take the volume for this run, and what killed runs and others at work have there with it.
begin() {
    case ${to} in /*) ;; *) to=$(pwd)/${to} ;; esac
    while [ "${to}" != "${to%/}" ] && [ "${to}" != / ]; do to=${to%/}; done
    case ${to} in *[!A-Za-z0-9/._+:@%=-]*) usage "the path '${to}' holds signs other than letters, digits and /._+:@%=-" ;; *) ;; esac
    _same=$(cd "${to}" 2>/dev/null && pwd -P)
    [ "${_same}" != "$(cd "${cache}" && pwd -P)" ] || usage "--to ${to} is the cache itself"
    umask 022
    new=${to}/groups/.new-$(cat /proc/sys/kernel/random/uuid)
}

take_over() {
    remove_odd
    writing mkdir -p "${to}/pool" "${to}/groups" "${to}/.staged"
    writing mkdir "${new}"
    begun=yes
    for _other in "${to}"/groups/.new-*; do
        [ "${_other}" = "${new}" ] || mv "${_other}" "${new}/" 2>/dev/null # or it is gone meanwhile
    done
}

work() {
    take_over
    changed=
    set --
    for _folder in ${chosen}; do
        set -- "$@" "${cache}/groups/${_folder}"
        has_folder "${_folder}" && continue
        changed="${changed} ${_folder}"
        [ ! -e "${to}/.staged/${_folder}" ] || take_away "${to}/.staged/${_folder}"
    done
    needed "$@" | into needed || end_of_pipe
    remove_damaged
    copy_packages
    [ ! -e "${to}/package-cache.json" ] || { [ -z "${changed}" ] && has_installer; } || describe # without what is about to change
    publish_groups
    has_installer || put "${cache}/install_group.sh" "${to}/install_group.sh" 755
    describe
    remove_unneeded
    say "$(awk -v groups="${groups}" -v to="${to}" -v missing="${new}/missing" '
        { size[$1] = $2; all += $2 }
        END {
            while ((getline line <missing) > 0) { split(line, part, " "); files++; bytes += part[2] }
            s = files == 1 ? "" : "s"
            printf "staged %s to %s: %d new package file%s, %.1f MB, of %d, %.1f MB", groups, to, files, s, bytes / 1e6, NR, all / 1e6
        }' "${new}/needed")"
}

main() {
    trap tidy_up EXIT
    trap interrupted INT TERM HUP
    read_arguments "$@"
    choose
    begin
    work & # a shell hears no signal while it waits for a command in the foreground
    worker=$!
    wait "${worker}"
    _status=$?
    worker=
    [ "${_status}" -lt 128 ] || stop 1 "a process was ended with status ${_status}" 'give the container more memory, or run it again'
    exit "${_status}"
}

main "$@"
