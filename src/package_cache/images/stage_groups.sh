#!/bin/sh
# Stage groups of the cache in this image to a volume that a job's container shares.
#
#   stage_groups.sh [--system NAME]... [--optional] --to DIR [--] GROUP...
#   stage_groups.sh --list
#
# Copies what is not there yet: package files, then each group's folder in one rename, the description last. So a
# reader finds whole groups only, also where this is killed at any moment; run again it goes on, and mends what
# it finds damaged. Groups that are there already stay. One run at a time for a volume.
#
# Exit 0: the groups are there. Else the statuses of docs/exit-statuses.md: 1, 2, 10, 11, 30, 31, 41, 42, 130. With
# --optional the status is 0 instead of all but 2 and 130: the job starts, finds no such group, and takes its fallback.
#
# Needs busybox and nothing else. Variables are global; those of one function only begin with "_".

# shellcheck disable=SC2086  # lists of names and paths are split into words on purpose; add_group and main vouch for their signs
# shellcheck disable=SC2310,SC2312  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2317  # shellcheck 0.9 does not see what traps call
set -u

cache=/
to=
groups=
systems=
optional=
new=
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
        *) groups="${groups}${groups:+ }$1" ;;
    esac
}

add_system() {
    case $1 in
        '' | *[!a-z0-9._]*) usage "'$1' is not the name of a system" ;;
        *) systems="${systems} $1" ;;
    esac
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
        _for=$(printf '%s\n' "${_there}" | awk -v group="${_group}" '$1 == group { printf "%s ", $2 }')
        [ -n "${_for}" ] || lacks "there is no group ${_group}, but: $(printf '%s\n' "${_there}" | cut -d ' ' -f 1 | uniq | tr '\n' ' ')"
        for _system in ${systems:-${_for}}; do
            case "${_for} " in
                *"${_system} "*) chosen="${chosen} ${_group}-${_system}" ;;
                ' ') ;;
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
    case ${_words} in
        *'No space left'* | *'Disk quota exceeded'*) stop 41 "${_words}" 'raise the sizeLimit of the volume, or free space on the node' ;;
        *'Read-only'* | *'ermission denied'* | *'not permitted'*) stop 42 "${_words}" 'mount a volume that this user may write to' ;;
        *) stop 1 "${_words}" 'run it again; if that does not help, report it' ;;
    esac
}

# Print "<sha256> <bytes>" of the package files that the folders given need; each once.
needed() {
    for _folder in "$@"; do cat "${_folder}/Packages" 2>/dev/null; done |
        awk '/^Filename: pool\// { name = substr($2, 6, 64) } /^Size: / { size = $2 } /^SHA256: / { print name, size }' |
        sort -u
}

# Print those lines of standard input whose file in the pool at $1 is not there with that size.
not_in() {
    while read -r _sha256 _size; do
        [ "$(stat -c '%s %F' "$1/pool/${_sha256}.deb" 2>/dev/null)" = "${_size} regular file" ] || echo "${_sha256} ${_size}"
    done
}

# Remove package files among those needed that are on the volume, but are not what their names say.
remove_damaged() {
    while read -r _sha256 _; do
        [ ! -e "${to}/pool/${_sha256}.deb" ] || echo "${_sha256}  ${to}/pool/${_sha256}.deb"
    done <"${new}/needed" >"${new}/hashes"
    [ -s "${new}/hashes" ] || return 0
    sha256sum -c "${new}/hashes" 2>/dev/null | sed -n 's/: FAILED$//p' | while read -r _file; do
        complain "${_file} was damaged: it is staged again"
        rm -f "${_file}"
    done
}

copy_packages() {
    not_in "${to}" <"${new}/needed" >"${new}/missing"
    _gone=$(not_in "${cache}" <"${new}/missing" | head -n 1)
    [ -z "${_gone}" ] || stop 31 "the image lacks the package file ${_gone%% *}, or has another one" 'make the image again'
    mkdir "${new}/pool"
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
    writing mv -f "${new}/file" "$2"
}

publish_groups() {
    for _folder in ${changed}; do
        writing cp -r "${cache}/groups/${_folder}" "${new}/${_folder}"
        [ ! -e "${to}/groups/${_folder}" ] || writing mv "${to}/groups/${_folder}" "${new}/old-${_folder}"
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
        cat "${cache}/init/head"
        _comma=
        for _folder in ${_known}; do
            printf '%s' "${_comma}"
            sed 1d "${to}/.staged/${_folder##*/}"
            _comma=,
        done
        needed ${_known} | awk '{ size += $2 } END { printf "],\"packages\":%d,\"size\":%.0f}\n", NR, size }'
    } >"${new}/description" || stop 41 'the description cannot be written' 'free space on the volume'
    put "${new}/description" "${to}/package-cache.json" 644
}

# Remove package files that neither a group on the volume needs nor one needed before this run: a job may still read it.
remove_unneeded() {
    needed "${to}"/groups/* | cut -d ' ' -f 1 >"${new}/now"
    if [ -e "${to}/.staged/needed" ]; then
        for _file in "${to}"/pool/*.deb; do
            _file=${_file##*/}
            echo "${_file%.deb}"
        done | sort >"${new}/there"
        sort -u "${new}/now" "${to}/.staged/needed" >"${new}/kept"
        awk 'NR == FNR { kept[$1] = 1; next } !($1 in kept)' "${new}/kept" "${new}/there" | while read -r _sha256; do
            rm -f "${to}/pool/${_sha256}.deb"
        done
    fi
    put "${new}/now" "${to}/.staged/needed" 644
}

main() {
    read_arguments "$@"
    choose
    case ${to} in /*) ;; *) to=$(pwd)/${to} ;; esac
    case ${to} in *[!A-Za-z0-9/._+:@%=-]*) usage "the path '${to}' holds signs other than letters, digits and /._+:@%=-" ;; *) ;; esac
    trap tidy_up EXIT
    trap 'complain interrupted; exit 130' INT TERM HUP
    writing mkdir -p "${to}/pool" "${to}/groups" "${to}/.staged"
    rm -rf "${to}"/groups/.new-* # what a killed run left
    new=${to}/groups/.new-$(cat /proc/sys/kernel/random/uuid)
    writing mkdir "${new}"
    changed=
    set --
    for _folder in ${chosen}; do
        set -- "$@" "${cache}/groups/${_folder}"
        has_folder "${_folder}" && continue
        changed="${changed} ${_folder}"
        rm -f "${to}/.staged/${_folder}"
    done
    needed "$@" >"${new}/needed"
    remove_damaged
    copy_packages
    [ ! -e "${to}/package-cache.json" ] || [ -z "${changed}" ] || describe # without what is about to change
    publish_groups
    cmp -s "${cache}/install_group.sh" "${to}/install_group.sh" || put "${cache}/install_group.sh" "${to}/install_group.sh" 755
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

main "$@"
