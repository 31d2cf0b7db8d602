# The cache: where it is, and what the groups' files say. Nothing in it is believed before its hash is checked.
FORMAT=1 # of the cache, cache/layout.py
DD=/bin/dd # with its path, for that of busybox does not know how

# find_cache: set `cache` to the absolute path of a cache, and `pool`. 30
find_cache() {
    local given=''
    if [ -z "${cache}" ]; then
        cache=.
        case ${script} in */*) cache=${script%/*} ;; *) ;; esac
        [ -d "${cache}/groups" ] || [ ! -d "${cache}/../package_cache" ] || cache=${cache}/../package_cache
    fi
    given=${cache}
    [ -d "${given}" ] || no_cache "there is no cache at ${given}"
    case ${cache} in /*) ;; *) cache=$(cd -P -- "${given}" 2>/dev/null && pwd -P) ;; esac
    [ -x "${cache}" ] || no_cache "the folder ${given} cannot be entered"
    pool=${cache}/pool
    [ ! -d "${cache}/groups" ] || return 0
    set +f && set -- "${cache}"/* && set -f
    [ ! -e "$1" ] || no_cache "the folder ${cache} is no cache: it has no groups"
    is_mounted "$(cd -P -- "${cache}" && pwd -P)" || no_cache "the folder ${cache} is empty, and nothing is mounted there"
    # Some clusters mount an empty folder, silently, in place of an image volume that they do not know.
    miss cache-missing "the volume at ${cache} is empty" "fill it; an image volume arrives empty where the API server or the node's container runtime does not know image volumes"
}
no_cache() { miss cache-missing "$1" "check the mount, or name the folder with --cache"; } # 30

# is_mounted PATH: something is mounted there (proc(5), mountinfo).
is_mounted() {
    local point=''
    while read -r _ _ _ _ point _; do [ "${point}" != "$1" ] || return 0; done 2>/dev/null </proc/self/mountinfo
    return 1
}

# read_groups: check that each group is there for this system and architecture, and read what it asks for. 10 11 12 31 32 33
read_groups() {
    local group='' folder='' text=''
    for group in ${groups}; do
        folder=groups/${group}-${system}
        [ -d "${cache}/${folder}" ] || miss_group "${group}"
        read_release
        [ -e "${cache}/${folder}/${architecture}.group" ] || miss_architecture
        read_group_file "${folder}/${architecture}.group"
    done
}

# read_text FILE: set `text` to what a small file of the cache says. It is read once: what is used is what was hashed. 31
read_text() {
    check_file "$1"
    text=$(read_up_to 1048576 "$1" 2>/dev/null)
}

# read_up_to BYTES FILE [of=COPY]: print or copy the start of a file of the cache, as the last command of a subshell. It waits for
# nothing, whatever the file is by now. Not by timeout(1): that of coreutils 8.28 misses the end of a short command now and then, and waits on.
read_up_to() { exec "${DD}" if="${cache}/$2" iflag=nonblock,count_bytes,fullblock bs=65536 count="$1" "${3:-status=none}"; }

# text_hash: print the SHA-256 of `text`, with the end of its last line.
text_hash() { printf '%s\n' "${text}" | sha256sum; }

# read_release: of `group`, in `folder`: add to `stated_files` what it states, as words SHA256:BYTES:FILE. 31 33
read_release() {
    local label='' codename=''
    read_text "${folder}/Release"
    check_trust
    for_lines read_release_line "${text}"
    [ -n "${expected}${keyring}" ] || label=${label:-${group}} codename=${codename:-${system}} # of a cache that does not say it
    [ "${label}/${codename}" = "${group}/${system}" ] || damaged "${folder}/Release is of the group '${label}' for '${codename}'"
    case "${stated_files} " in *":${folder}/packages.json "*) ;; *) damaged "${folder}/Release is cut short" ;; esac
}
read_release_line() {
    case $1 in 'Label: '*) label=${1#*: } ;; 'Codename: '*) codename=${1#*: } ;; *) ;; esac
    set -- $1
    if is_hash "${1-}" && is_number "${2-}"; then stated_files="${stated_files} $1:$2:${folder}/${3-}"; fi
}

# find_stated FILE: set `stated` and `size` to the SHA-256 and the bytes that the Release of its folder states, or to none.
find_stated() {
    local each=''
    stated=none size=0
    for each in ${stated_files}; do
        case ${each} in *:"$1") stated=${each%%:*} size=${each#*:} size=${size%%:*} ;; *) ;; esac
    done
}

# copy_checked FILE COPY: copy a file of the cache, and compare the copy with what its Release states: nobody else can change what is
# used. Status 1: there is no space. 31
copy_checked() {
    local stated='' size=''
    check_file "$1"
    find_stated "$1"
    if ! (read_up_to "${size}" "$1" of="$2" 2>/dev/null); then
        check_file "$1" # it may be gone by now
        return 1
    fi
    [ "$(sha256sum <"$2")" = "${stated}  -" ] || misfit "$1" 'its Release'
}

# check_hashes: compare files of the cache with `hashes`, lines as sha256sum(1) prints them, which the index states. 31
check_hashes() {
    local word='' names='' found='' bad=''
    for word in ${hashes}; do case ${word} in */*) names="${names} ${word}" ;; *) ;; esac; done
    found=$(cd "${cache}" && exec sha256sum ${names} 2>/dev/null)
    [ "${found}${NEWLINE}" != "${hashes}" ] || return 0
    for_lines find_bad_hash "${hashes}"
    [ -e "${cache}/${bad}" ] || damaged "${bad} is missing"
    [ -n "${found}" ] || damaged "the files cannot be hashed"
    misfit "${bad}" 'the index'
}
# misfit FILE WHO-STATES-ANOTHER. 31
misfit() { damaged "$1 is not the file that $2 states (SHA-256)"; }
find_bad_hash() { case ${NEWLINE}${found}${NEWLINE} in *"${NEWLINE}$1${NEWLINE}"*) ;; *) bad=${bad:-${1#*  }} ;; esac; }

# check_file NAME: a file of the cache with something in it; one that is a pipe would be waited for. 31
check_file() {
    [ -e "${cache}/$1" ] || damaged "$1 is missing"
    [ -f "${cache}/$1" ] || damaged "$1 is not a file"
    [ -s "${cache}/$1" ] || damaged "$1 is empty"
    [ -r "${cache}/$1" ] || damaged "$1 cannot be read: see the permissions on it"
}
damaged() { miss cache-damaged "the cache is damaged: $1" "stage or build the cache again"; } # 31

# miss_group GROUP: the cache does not have it, or not for this system. 10 11
miss_group() {
    local group="$1" systems='' all='' name=''
    set +f && set -- "${cache}/groups"/*-* && set -f
    for name in "$@"; do
        name=${name##*/}
        case ${name} in "${group}-" | "${group}-"*[!a-z0-9._]*) ;; "${group}"-*) systems="${systems} ${name##*-}" ;; *) ;; esac
        case "${all} " in *" ${name%-*} "*) ;; *) all="${all} ${name%-*}" ;; esac
    done
    [ -z "${systems}" ] || miss not-for-system "the group ${group} is not for ${system}${derived}; it is for:${systems}" "${remedy}"
    [ "${all}" != ' *' ] || all=' none'
    miss no-such-group "the cache has no group ${group}; it has:${all}" "add it to the manifest and build again"
}

# miss_architecture: `group` is not for it. 12 31
miss_architecture() {
    local others='' path=''
    case "${stated_files} " in *":${folder}/${architecture}.group "*) damaged "${folder}/${architecture}.group is missing" ;; *) ;; esac
    set +f && set -- "${cache}/${folder}"/*.group && set -f
    for path in "$@"; do path=${path##*/} others="${others} ${path%.group}"; done
    [ "${others}" != ' *' ] || damaged "the group ${group} has no .group file"
    miss not-for-architecture "the group ${group} is not for ${architecture}; it is for:${others}" "add ${architecture} to the group in the manifest and build again"
}

# read_group_file FILE (cache/group_index.py, _group_file): add to what the groups ask for. 31 32
read_group_file() {
    local seen='' stated='' size=''
    read_text "$1"
    find_stated "$1"
    [ "$(text_hash)" = "${stated}  -" ] || misfit "$1" 'its Release'
    for_lines read_group_line "${text}"
    case ${seen} in ' format '*' package '*' end ') ;; *) damaged "$1 is cut short, or asks for no package" ;; esac
}
read_group_line() {
    local key="${1%% *}" value='' file="${folder}/${architecture}.group"
    case $1 in *' '*) value=${1#* } ;; *) ;; esac
    seen="${seen} ${key} "
    case ${key} in
        format)
            is_number "${value}" || damaged "${file} has no format number"
            [ "${value}" -le "${FORMAT}" ] || miss cache-too-new "the cache's format is ${value}, this installer reads ${FORMAT}" "use the install_group.sh that lies in the cache"
            ;;
        installed-kib)
            is_number "${value%% *}" && key=${value#"${value%% *}"} || key=' x' # a folder, behind a blank
            case ${key} in ' /'*[!a-zA-Z0-9/._+-]* | ' '[!/]*) damaged "${file} has a size that is no number" ;; *) ;; esac
            case ${key} in '') installed_kib=$((installed_kib + value)) ;; *) space="${space} ${value%% *}:${key# }" ;; esac
            ;;
        recommends) recommends=true ;;
        package)
            case ${value} in '' | -* | *[!a-zA-Z0-9+._:=~-]*) damaged "${file} asks for '${value}', which is not a package name" ;; *) ;; esac
            case "${requests} " in *" ${value} "*) ;; *) requests="${requests} ${value}" already_there=$((already_there + 1)) ;; esac
            value=${value%%=*} named="${named} ${value%:"${architecture}"}"
            ;;
        probe) is_hash "${value}" && probe=${value} || damaged "${file} has no hash: ${value}" ;;
        debconf) answers=${answers}${value}${NEWLINE} ;;
        provides) provides=${provides}${value}${NEWLINE} ;;
        pre-dependency) pre_dependencies="${pre_dependencies} ${value}" ;;
        image)
            is_name "${value}" || damaged "${file} has an image '${value}', which is not an image name"
            case "${images} " in *" ${value} "*) ;; *) images="${images} ${value}" ;; esac
            image_indexes="${image_indexes} ${folder}/Packages.${architecture}.${value}"
            ;;
        end) ;;
        *) damaged "${file} has an unknown line: ${key}" ;;
    esac
}
