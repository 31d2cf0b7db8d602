# The surroundings in which dpkg, apt and the packages' scripts run.
TIMEOUT=/usr/bin/timeout # with its path, for busybox's own hands no signal on

# clean_environment: set what the programs below read, and remove what would lead them, or packages' scripts, astray.
# Sets `session`, the command that keeps a question off the terminal.
clean_environment() {
    unset CDPATH ENV BASH_ENV
    [ -n "${BASH_VERSION-}" ] || unset SHELLOPTS BASHOPTS # a bash does not let go of them
    unset DPKG_ROOT DPKG_ADMINDIR DPKG_FORCE DPKG_FRONTEND_LOCKED APT_CONFIG
    unset DEBIAN_HAS_FRONTEND DEBCONF_REDIR DEBCONF_SYSTEMRC DEBCONF_DB_OVERRIDE DEBCONF_DEBUG
    unset LD_PRELOAD LD_LIBRARY_PATH PERL5OPT PERL5LIB PERLLIB PYTHONHOME PYTHONPATH
    [ -d "${TMPDIR:-/}" ] || unset TMPDIR
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBIAN_PRIORITY=critical
    umask 022
    reset_ifs
    [ -x "${TIMEOUT}" ] || TIMEOUT=timeout
    session=
    ! command -v setsid >/dev/null 2>&1 || session=setsid
}
