# Verification: every byte that dpkg will read is hashed, dpkg is ready, and the disks have room.

SPLIT=/usr/bin/split # with its path, for that of busybox does not know how

# list_files: set `hashes` to the SHA-256 of the plan's files, as sha256sum(1) prints them. 31
list_files() {
    local hash=''
    hashes=
    for hash in ${files}; do
        check_file "pool/${hash}.deb"
        hashes=${hashes}${hash}"  pool/${hash}.deb${NEWLINE}"
    done
}

# hash_pool PROGRAM: compare the files of `hashes` while other things are looked at; adds to `hashers`.
hash_pool() {
    { printf '%s' "${hashes}" >"${work}/pool"; } 2>/dev/null || no_work
    start_hashing "$1" "${cache}" "${work}/pool"
}

# start_hashing PROGRAM FOLDER LIST: compare files below a folder with what the list states, by two processes where split(1) deals
# out its lines; adds to `hashers`. What each finds is in LIST.found, or LIST.aa.found and LIST.ab.found.
start_hashing() {
    local program="$1" folder="$2" part=''
    if "${SPLIT}" -n r/2 "$3" "$3." 2>/dev/null; then set -- "$3.aa" "$3.ab"; else set -- "$3"; fi
    for part in "$@"; do
        [ -s "${part}" ] || continue
        { cd "${folder}" && exec "${program}" -c "${part}"; } >"${part}.found" 2>/dev/null &
        hashers="${hashers} $!"
    done
}

# try_dpkg: status 1: dpkg refuses to start (docs/installer.md). Another root's accounts are looked up in its files.
try_dpkg() {
    if [ -n "${root}" ]; then
        check_overrides && "${DPKG_QUERY}" --admindir="${DPKG_STATE}" -S /nowhere
    else
        [ -f "${pool}/${probe}.deb" ] && [ "$(sha256sum <"${pool}/${probe}.deb")" = "${probe}  -" ] || return 0 # damage is said later
        TMPDIR=${work} ${TIMEOUT:+"${TIMEOUT}" -k 10 60} "${DPKG}" --no-act --log=/dev/null --unpack "${pool}/${probe}.deb"
    fi >/dev/null </dev/null
    [ $? -lt 2 ]
}

# check_overrides: status 2: dpkg's statoverride is for a user or group that the root does not have.
check_overrides() {
    local each='' user='' group='' path=''
    [ ! -f "${DPKG_STATE}/statoverride" ] || while read -r user group _ path; do
        for each in "passwd:${user}" "group:${group}"; do
            case ${each} in *:'#'*) continue ;; *) ;; esac
            grep -qs "^${each#*:}:" "${root}/etc/${each%%:*}" || { echo "statoverride of ${path}: /etc/${each%%:*} has no ${each#*:}" >&2 && return 2; }
        done
    done <"${DPKG_STATE}/statoverride"
}

# check_space: on each disk there is room for what of the groups' files lies there, and in /var for dpkg and for undoing. 41
check_space() {
    local each='' place='' sizes='' disks=''
    set --
    for each in 8192:/var ${space}; do
        place=${each#*:} sizes="${sizes}${each%%:*} "
        until [ -d "${place}/" ]; do case ${place} in */*) place=${place%/*} ;; *) place='' ;; esac; done
        set -- "$@" "${place}/"
    done
    for_lines add_disk "$(df -Pk "$@" 2>/dev/null)"
    for each in ${disks}; do
        place=${each%%:*} each=${each#*:}
        [ "${each#*:}" -ge "${each%:*}" ] ||
            miss no-space "there is not enough space on ${place}: ${each%:*} KiB are needed, ${each#*:} KiB are free" "free some space on ${place}"
    done
}

# add_disk LINE of df(1), for the first of `sizes`: put the disk's place, needs and room before the `disks` of the lines before.
add_disk() {
    local needed=2048 most="$((need_kib + 10240))" # the whole plan, and what dpkg writes
    set -- $1
    is_number "${4-}" || return 0
    case ${disks} in *" $6:"*) needed=${disks#*" $6:"} needed=${needed%%:*} ;; *) ;; esac
    needed=$((needed + ${sizes%% *})) sizes=${sizes#* }
    [ "${needed}" -le "${most}" ] || needed=${most}
    disks=" $6:${needed}:$4${disks}"
}
