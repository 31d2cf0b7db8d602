# Verification: every byte that dpkg will read is hashed, and the disks have room.
SPARE_KIB=12288 # what must be free beside the packages: for dpkg itself, lost in blocks, the ballast

# start_hashing: hash the plan's files, by two processes, while other things are looked at; sets `hashers`. 31
start_hashing() {
    local hash='' one='' other='' swapped=''
    hashes=
    for hash in ${files}; do
        check_file "pool/${hash}.deb"
        hash="${hash}  pool/${hash}.deb${NEWLINE}"
        hashes=${hashes}${hash}
        swapped=${one}
        one=${other}${hash}
        other=${swapped}
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
    set -- $1
    is_number "${4-}" || return 0
    [ "$4" -ge "$((need_kib + SPARE_KIB))" ] || miss no-space "there is not enough space on $6: $((need_kib + SPARE_KIB)) KiB are needed, $4 KiB are free" "free some space on $6"
}
