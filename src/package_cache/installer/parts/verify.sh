# Verification: every byte that dpkg will read is hashed, and the disks have room.

# start_hashing: hash the plan's files, by two processes, while other things are looked at; sets `hashers`. 31
start_hashing() {
    local hash='' one='' other='' swapped=''
    hashes=
    for hash in ${files}; do
        check_file "pool/${hash}.deb"
        hash="${hash}  pool/${hash}.deb${NEWLINE}"
        hashes=${hashes}${hash} swapped=${one}
        one=${other}${hash} other=${swapped}
    done
    for hash in "${one}" "${other}"; do
        [ -n "${hash}" ] || continue
        { printf '%s' "${hash}" >"${work}/hashes.${#hashers}"; } 2>/dev/null || no_work
        { cd "${cache}" && exec sha256sum -c >/dev/null 2>&1; } <"${work}/hashes.${#hashers}" &
        hashers="${hashers} $!"
    done
}

# check_space: the packages fit on the disks. 41
check_space() {
    [ -n "${disks}" ] || disks=$(df -Pk / /usr /var 2>/dev/null)
    for_lines check_disk "${disks}"
}

# check_disk LINE of df(1)
check_disk() {
    local needed="$((need_kib + 12288))" # for dpkg itself, lost in blocks, the space for undoing
    set -- $1
    is_number "${4-}" || return 0
    [ "$4" -ge "${needed}" ] || miss no-space "there is not enough space on $6: ${needed} KiB are needed, $4 KiB are free" "free some space on $6"
}
