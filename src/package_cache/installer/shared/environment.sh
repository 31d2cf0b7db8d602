# The surroundings in which a program, dpkg, apt and the packages' scripts run.
set +e -fu # whatever options a caller's `sh -e` brings
# shellcheck disable=SC2046,SC3044  # names, and what a bash knows: it takes functions from the environment, also where it is called sh
[ -z "${BASH_VERSION-}" ] || unset -f $(compgen -A function)

# clean_environment: set what the programs below read, and remove what would lead them, or packages' scripts, astray.
# Sets `session`, which keeps a question off the terminal, and TIMEOUT; to nothing if there is no such program.
clean_environment() {
    unset CDPATH ENV BASH_ENV
    [ -n "${BASH_VERSION-}" ] || unset SHELLOPTS BASHOPTS # a bash does not let go of them
    unset DPKG_ROOT DPKG_ADMINDIR DPKG_FORCE DPKG_FRONTEND_LOCKED LD_PRELOAD LD_LIBRARY_PATH PYTHONHOME PYTHONPATH
    unset DEBIAN_HAS_FRONTEND DEBCONF_REDIR DEBCONF_SYSTEMRC DEBCONF_DB_OVERRIDE DEBCONF_DEBUG PERL5OPT PERL5LIB PERLLIB
    [ -d "${TMPDIR:-/}" ] || unset TMPDIR
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBIAN_PRIORITY=critical
    umask 022
    reset_ifs
    # With its path, because the one of a busybox sh hands no signal on.
    for TIMEOUT in /usr/bin/timeout /bin/timeout ''; do [ ! -x "${TIMEOUT}" ] || break; done
    session=$(command -v setsid)
}
