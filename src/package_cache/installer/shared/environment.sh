# The surroundings in which a program, dpkg, apt and the packages' scripts run.
# It is the first part of a program, so what is disabled here is disabled everywhere.
# shellcheck disable=SC2086  # lists of names are split into words on purpose; their characters have been checked
# shellcheck disable=SC2015  # "a && b || c" is meant to do c also where b fails
# shellcheck disable=SC2310,SC2312  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2317  # shellcheck does not see what traps and for_lines call
# shellcheck disable=SC3043  # every /bin/sh of the family has local (Debian Policy 10.4)
set +e -fu # whatever options a caller's `sh -e` brings
# shellcheck disable=SC2046,SC3044,SC3045  # names, and what a bash knows: it takes functions and options from the environment, also where it is called sh
[ -z "${BASH_VERSION-}" ] || { unset -f $(compgen -A function); command export -n SHELLOPTS BASHOPTS; } 2>/dev/null

# drop_variables: unset what leads programs astray (docs/installer.md): the lists of ld.so(8) and sudoers(5), and options.
drop_variables() {
    local name='' IFS='
'
    for name in $(export -p); do
        name=${name%%=*}
        name=${name##* }
        case ${name} in
            APT_CONFIG) ;; # where the fallback finds the image's configuration
            LD_* | GLIBC_* | GCONV_PATH | GETCONF_DIR | LOCPATH | MALLOC_* | NIS_PATH | NLSPATH | PATH_LOCALE | TZDIR | HOSTALIASES | \
                LOCALDOMAIN | RES_OPTIONS | RESOLV_* | BASH* | CDPATH | ENV | FPATH | GLOBIGNORE | PS4 | SHELLOPTS | TERM[CIP]* | \
                APT_* | DEB* | DPKG_* | PERL* | PYTHON* | RUBY* | GEM_* | BUNDLE_* | NODE_* | LUA_* | TCL* | GUILE_* | CLASSPATH | JAVA_* | \
                JDK_* | _JAVA_* | GIT_* | SYSTEMD_* | OPENSSL_* | SSLKEYLOGFILE | LESS* | GREP_OPTIONS | TAR_OPTIONS | GZIP | XZ_* | ZSTD_*)
                command unset "${name}" 2>/dev/null
                ;;
            *) ;;
        esac
    done
}
drop_variables

# clean_environment: set what programs read, `session`, which keeps questions off the terminal, and TIMEOUT; nothing if missing.
clean_environment() {
    [ -d "${TMPDIR:-/}" ] || unset TMPDIR
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBIAN_PRIORITY=critical
    umask 022
    reset_ifs
    # With its path, because the one of a busybox sh hands no signal on.
    for TIMEOUT in /usr/bin/timeout /bin/timeout ''; do [ ! -x "${TIMEOUT}" ] || break; done
    session=$(command -v setsid)
}
