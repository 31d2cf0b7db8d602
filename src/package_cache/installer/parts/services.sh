# Alone with dpkg, and no service starts: locks of others are waited for, and a policy-rc.d says no.
POLICY=/usr/sbin/policy-rc.d # invoke-rc.d(8) asks it whether a service may start
POLICY_KEPT=${POLICY}.kept-by-package-cache
POLICY_MARK='# package-cache: no service is started while this process installs:'

# wait_for_others: until nobody keeps dpkg or debconf locked. Status 1: --lock-timeout is over since `patience` was emptied.
wait_for_others() { while find_holder || find_installer; do be_patient || return; done; }
locked_too_long() { miss dpkg-locked "dpkg was locked for ${lock_timeout} s: ${holder}" "wait for it to end, or give --lock-timeout more seconds"; } # 40

# find_installer: set `holder` to another installer at work, and `policy_owner` to whose policy-rc.d is there. Status 1: none.
find_installer() {
    local line=''
    policy_owner=
    [ -f "${POLICY}" ] && [ -z "${policy}" ] || return 1 # a pipe would be waited for
    while read -r line; do case ${line} in "${POLICY_MARK} "*) policy_owner=${line##* } ;; *) ;; esac; done <"${POLICY}"
    [ -n "${policy_owner}" ] && is_at_work "${policy_owner}" || return 1
    holder="another installer, process ${policy_owner%%-*}, is at work"
}

# take_policy: forbid services to start, by a link, which two cannot both make. Status 1: another installer did. 42
take_policy() {
    local new="${POLICY}.${me}" own='' full=''
    [ -z "${policy}" ] || return 0
    ! find_installer || return 1
    [ -z "${policy_owner}" ] || { drop_policy && return 1; } # of one that was killed meanwhile: what it left comes first
    if is_there "${POLICY}"; then
        if says_no; then ! find_installer; return; fi # it stays, unless it is that of another one that was quicker
        ! is_mounted "${POLICY}" || services_could_start "${POLICY} is a mount that cannot be replaced"
        own=yes
    fi
    policy=ours
    if ! write_new "${new}" "#!/bin/sh${NEWLINE}${POLICY_MARK} ${me}${NEWLINE}exit 101" || ! chmod 755 "${new}"; then
        full=yes
    elif { [ -z "${own}" ] || mv -n "${POLICY}" "${POLICY_KEPT}" 2>/dev/null; } && ln "${new}" "${POLICY}" 2>/dev/null; then
        rm -f "${new}"
        return
    elif ! { true >"${new}.more"; } 2>/dev/null; then
        full=yes # on a tmpfs, a link takes an inode as a file does
    fi
    rm -f "${new}.more"
    [ -z "${full}" ] || [ ! -w "${POLICY%/*}" ] || miss no-space "cannot keep services from starting: there is no space for ${POLICY}" "free some space in ${POLICY%/*}"
    policy=
    rm -f "${new}"
    ! find_installer || return 1 # it was quicker, and keeps the image's own
    policy=ours
    release_policy
    services_could_start "no policy-rc.d can be put into ${POLICY%/*}"
}
services_could_start() { miss read-only "cannot keep services from starting: $1" "let ${POLICY} exit with 101, or give the container a writable /usr/sbin"; } # 42

# says_no: the image's own policy forbids services to start. One that does not answer soon does not.
says_no() {
    [ -f "${POLICY}" ] || return 1
    "${TIMEOUT}" -k 1 5 "${POLICY}" package-cache start >/dev/null 2>&1 </dev/null
    [ $? = 101 ]
}

# release_policy: take ours away; the image's own comes back, or one that a package has brought meanwhile stays.
release_policy() {
    [ -n "${policy}" ] || return 0
    policy=
    rm -f "${POLICY}.${me}"
    find_installer
    if [ "${policy_owner}" = "${me}" ] || ! is_there "${POLICY}"; then drop_policy; else rm -rf "${POLICY_KEPT}"; fi
}

# drop_policy: put the image's own policy-rc.d back, or none.
drop_policy() {
    # mv(1) puts no folder over a file, nor a link over what it leads to.
    if [ ! -f "${POLICY_KEPT}" ] || [ -L "${POLICY_KEPT}" ]; then rm -f "${POLICY}" 2>/dev/null || return; fi
    ! is_there "${POLICY_KEPT}" || mv -f "${POLICY_KEPT}" "${POLICY}" 2>/dev/null
}
