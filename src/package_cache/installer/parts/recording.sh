# Recordings: which one is for this container, and what it states.
RECORDING_FORMAT=2 # cache/recordings.py
PERL=/usr/bin/perl # with their paths, for a busybox sh may take its own programs for these
DPKG_DEB=/usr/bin/dpkg-deb

# find_recording: set `recorded` and `recorded_group` to a file of the cache, recorded for dpkg's status here. Status 1: none.
find_recording() {
    local each='' name="recording.${architecture}"
    [ -z "${no_replay}" ] || return 1
    set -- ''
    set +f
    for each in ${groups}; do set -- "$@" "${cache}/groups/${each}-${system}/${name}".*.deb; done
    set -f
    case "$*" in *"/${name}."[0-9a-f]*) ;; *) return 1 ;; esac # where there is none, no process is started
    hash_status
    for each in ${groups}; do
        recorded=groups/${each}-${system}/${name}.${status_hash}.deb recorded_group=${each}
        case "${replayed} " in *" ${each} "*) ;; *) [ ! -e "${cache}/${recorded}" ] || return 0 ;; esac
    done
    return 1
}

# hash_status: set `status_hash` to the SHA-256 of dpkg's status.
hash_status() { status_hash=$(sha256sum 2>/dev/null <"${DPKG_STATE}/status") status_hash=${status_hash%% *}; }

# refuse REASON: the recording is not used. Status 2.
refuse() {
    refusal=$1
    [ -z "${verbose}" ] || say "${recorded_group}: the recording${recorded_image:+ of ${recorded_image}} is not used: $1"
    return 2
}

# read_recording: unpack what a recording states into the folder `stated`, and read its facts. Status 2: it cannot be used. 31
read_recording() {
    recorded_image=
    copy_checked "${recorded}" "${work}/recording.deb" || { refuse "there is no space for a copy of it in ${work%/*}" || return; }
    find_tar || { refuse 'there is no GNU tar of version 1.28 or later here' || return; }
    [ -x "${PERL}" ] || [ -n "${root}" ] || { refuse "there is no ${PERL} here" || return; }
    stated=${work}/recording.${status_hash}
    [ -d "${stated}" ] || mkdir "${stated}" 2>/dev/null || no_work
    "${DPKG_DEB}" --ctrl-tarfile "${work}/recording.deb" 2>/dev/null | "${TAR}" -C "${stated}" --no-same-owner -xf - 2>/dev/null ||
        damaged "${recorded} cannot be unpacked"
    for each in facts same state new debs exclude regenerate finish; do
        [ -f "${stated}/${each}" ] || damaged "${recorded} has no ${each}"
    done
    read_facts "${stated}/facts" && return
    [ -z "${other_format}" ] || { refuse "its format is ${other_format}, this installer reads ${RECORDING_FORMAT}" || return; }
    damaged "${recorded} has facts that make no sense"
}

# find_tar: set `TAR` to a GNU tar that has the options of unpacking. Status 1: there is none.
find_tar() {
    local version=''
    for TAR in /usr/bin/tar /bin/tar ''; do [ ! -x "${TAR}" ] || break; done
    version=$([ -z "${TAR}" ] || "${TAR}" --version 2>/dev/null)
    case ${version} in 'tar (GNU tar) '[1-9]*.[0-9]*) ;; *) return 1 ;; esac
    version=${version#'tar (GNU tar) '} version=${version%%[!0-9.]*}
    set -- "${version%%.*}" "${version#*.}"
    set -- "$1" "${2%%.*}"
    is_number "$1" && is_number "$2" && [ "$(($1 * 1000 + $2))" -ge 1028 ]
}

# read_facts FILE: set hashed_by, status_before, status_after, recorded_image, need_kib, files, planned, fresh, file_of, bytes, package_lines
# by it. Status 1: it makes no sense, or is of another format, `other_format`.
read_facts() {
    local key='' value='' seen=''
    other_format='' hashed_by='sha256sum' status_before='' status_after='' need_kib=0
    files='' planned='' file_of=' ' bytes=0 package_lines=''
    while read -r key value; do
        seen="${seen} ${key} "
        case ${key} in
            format)
                is_number "${value}" || return
                [ "${value}" = "${RECORDING_FORMAT}" ] || { other_format=${value} && return 1; }
                ;;
            group) [ "${value}" = "${recorded_group}" ] || return ;;
            architecture) [ "${value}" = "${architecture}" ] || return ;;
            image) recorded_image=${value} ;;
            status-before) is_hash "${value}" && status_before=${value} || return ;;
            status-after) is_hash "${value}" && status_after=${value} || return ;;
            hashed-by) case ${value} in sha256sum | b2sum) hashed_by=${value} ;; *) return 1 ;; esac ;;
            installed-kib) is_number "${value}" && need_kib=${value} || return ;;
            package) read_package ${value} || return ;;
            end) ;;
            *) return 1 ;;
        esac
    done <"$1"
    case ${seen} in ' format '*' group '*' architecture '*' package '*' end ') ;; *) return 1 ;; esac
    [ -n "${recorded_image}" ] && [ "${status_before}" = "${status_hash}" ] && [ -n "${status_after}" ] && [ "${status_after}" != "${status_hash}" ]
}

# read_package HOW NAME VERSION ARCHITECTURE SIZE SHA256: add a package to what the recording brings. Status 1: it makes no sense.
read_package() {
    local name="${2-}"
    [ $# = 6 ] && is_number "$5" && is_hash "$6" && is_package "${name}:$4" || return
    case $1 in new | upgraded) ;; *) return 1 ;; esac
    case $4 in all | "${architecture}") ;; *) name=${name}:$4 ;; esac
    package_lines="${package_lines}package=$2 $3 $4 $5 $6${NEWLINE}"
    files="${files} $6" planned="${planned} ${name}" file_of="${file_of}${name}/$6 " bytes=$((bytes + $5))
}

# read_debs: set first_debs and second_debs to the pool files that are unpacked to /, by two pipes, over_debs to those that are
# unpacked over what is here, and `hashes` to what `hashed_by` prints of all. 31
read_debs() {
    local kind='' hash='' digest='' listed=' '
    first_debs='' second_debs='' over_debs='' hashes=''
    while read -r kind hash digest; do
        case ${digest}:" ${files} " in
            '':* | *[!0-9a-f]*:*) damaged "${recorded} states no digest of ${hash}" ;;
            *" ${hash} "*) ;;
            *) damaged "${recorded} unpacks a file that it does not name: ${hash}" ;;
        esac
        check_file "pool/${hash}.deb"
        hashes="${hashes}${digest}  pool/${hash}.deb${NEWLINE}" listed="${listed}${hash} "
        case ${kind} in
            first) first_debs="${first_debs} ${hash}" ;;
            second) second_debs="${second_debs} ${hash}" ;;
            over) over_debs="${over_debs} ${hash}" ;;
            *) damaged "${recorded} does not say how ${hash} is unpacked" ;;
        esac
    done <"${stated}/debs"
    for hash in ${files}; do
        case ${listed} in *" ${hash} "*) ;; *) damaged "${recorded} does not unpack a file that it names: ${hash}" ;; esac
    done
}
