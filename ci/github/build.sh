# Build the cache of a request, with Python 3.11 or newer. What the machine lacks is installed for that time, and removed again.
PYTHON_CHECK='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
BUILD_TOOLS='ca-certificates distro-info-data gpgv python-apt-common' # tools.py
TOOLS_LIMIT=600                                                       # seconds for apt-get

# find_python: set `python` to an interpreter that can make virtual environments. Status 1: there is none.
find_python() {
    set +f && set -- python3 python3.14 python3.13 python3.12 python3.11 "${RUNNER_TOOL_CACHE:-/nonexistent}"/Python/3.*/*/bin/python3 && set -f
    for python in "$@"; do "${python}" -c "${PYTHON_CHECK}" 2>/dev/null && return 0; done
    return 1
}

# has_tools: all that a build needs besides Python is here.
has_tools() { command -v gpgv >/dev/null && [ -d /usr/share/distro-info ] && [ -d /usr/share/python-apt/templates ] && [ -f /etc/ssl/certs/ca-certificates.crt ]; }

# add_packages NAME...: install packages for the build. Sets `before` to what was installed.
add_packages() {
    say "a cache is built with packages that are not here: installing $* for that time"
    [ -n "${before}" ] || before=$(query "${PACKAGE_LINE}")
    aside ${as_root} sh online_fallback.sh false "${TOOLS_LIMIT}" "$@"
}

# remove_added: purge what came for the build, so that a job is the same after a miss and after a hit.
remove_added() {
    local line='' name=''
    [ -n "${before}" ] || return 0
    set --
    for line in $(query "${PACKAGE_LINE}"); do
        name=${line%%/*} line=${line#*/}
        case "${NEWLINE}${before}" in *"${NEWLINE}${name}/${line%%/*}/"*) ;; *) set -- "$@" "${name}:${line%%/*}" ;; esac
    done
    before=
    [ $# = 0 ] || ${as_root} "${DPKG}" --purge "$@" >/dev/null
}

# make_environment: set `venv` to a virtual environment with this project, kept for the next run of this machine.
make_environment() {
    local sum=''
    sum=$(cd ../../.. && find pyproject.toml src -name '*.pyc' -o -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-16)
    venv=${RUNNER_TOOL_CACHE:-${work}}/package-cache/${sum}
    "${venv}/bin/package-cache" --version >/dev/null 2>&1 && return
    "${python}" -m venv --clear "${venv}" && "${venv}/bin/python" -m pip install --quiet --disable-pip-version-check ../../..
}

# build_cache: fill the folder `cache`, and write what was built to files of the folder `work`. Status other than 0: it did not work.
build_cache() {
    local ended='' venv=''
    build_in_time
    ended=$?
    remove_added
    return "${ended}"
}
build_in_time() {
    set --
    has_tools || set -- ${BUILD_TOOLS}
    find_python || set -- "$@" python3 python3-venv
    [ $# = 0 ] || add_packages "$@" || return
    find_python || add_packages python3.11 python3.11-venv
    find_python || { complain "there is no Python 3.11 or newer here, without which no cache can be built" && return 8; }
    make_environment || { complain "cannot make a virtual environment with ${python}" && return 8; }
    aside "${venv}/bin/python" ../../../ci/github/build_cache.py "${cache}" "${work}"
}
