# Trust: whether a group is the one that the caller expects, and signed by a key that the caller names.
GPGV=/usr/bin/gpgv
SQV=/usr/bin/sqv # of apt since 2.9.19, where there is no gpgv

# check_trust: of the Release of `group` that was read as `text`. 33
check_trust() {
    local found=''
    if [ -n "${expected}" ]; then
        found=$(text_hash)
        case "${expected} " in
            *" ${group}=${found%% *} "*) ;;
            *" ${group}="*) distrust "its Release has the SHA-256 ${found%% *}, which is not expected" ;;
            *) distrust "no hash of it is given, as those of others are" ;;
        esac
    fi
    [ -z "${keyring}" ] || check_signature "${folder}/Release.gpg"
}
distrust() { miss not-trusted "the group ${group} is not the one that is trusted: $1" "stage or build the cache again, and find out who altered it"; } # 33

# check_signature FILE: of `text`, by a key of `keyring`. Of several signatures one that is good is enough. 33
check_signature() {
    local said=''
    [ -e "${cache}/$1" ] || distrust "it is not signed"
    check_file "$1"
    make_work
    (read_up_to 1048576 "$1" of="${work}/signature" 2>/dev/null) || distrust "its signature cannot be read"
    if [ -x "${GPGV}" ]; then
        open_keyring
        said=$(printf '%s\n' "${text}" | "${GPGV}" --homedir / --weak-digest SHA1 --status-fd 1 --keyring "${keyring}" \
            -- "${work}/signature" - 2>/dev/null)
        said=${NEWLINE}${said}
        case ${said} in
            *"${NEWLINE}[GNUPG:] BADSIG "*) distrust "its signature is of other bytes" ;;
            *"${NEWLINE}[GNUPG:] GOODSIG "*) ;; # neither expired nor revoked: doc/DETAILS of GnuPG
            *"${NEWLINE}[GNUPG:] REVKEYSIG "*) distrust "the key that signed it is revoked" ;;
            *"${NEWLINE}[GNUPG:] EXPKEYSIG "*) distrust "the key that signed it has expired" ;;
            *"${NEWLINE}[GNUPG:] EXPSIG "*) distrust "its signature has expired" ;;
            *) distrust "no key of ${keyring} signed it" ;;
        esac
    elif [ -x "${SQV}" ]; then
        said=$(printf '%s\n' "${text}" | "${SQV}" --keyring "${keyring}" "${work}/signature" /dev/stdin 2>&1) ||
            distrust "no key of ${keyring} that is valid signed it: ${said##*"${NEWLINE}"}"
    else
        distrust "there is neither gpgv nor sqv here to check its signature"
    fi
}

# open_keyring: gpgv reads no armoured keys: let `keyring` name what they are without armour (RFC 9580, 6.2).
open_keyring() {
    local first=''
    case ${keyring} in "${work}"/*) return ;; *) ;; esac
    first=$(head -c 10 -- "${keyring}" 2>/dev/null)
    [ "${first}" = '-----BEGIN' ] || return
    sed '/^-----BEGIN/,/^[[:space:]]*$/d;/^=/d;/^-----END/d' "${keyring}" | base64 -d >"${work}/keyring.gpg" 2>/dev/null ||
        misuse "${keyring} is no OpenPGP key that can be read"
    keyring=${work}/keyring.gpg
}
