#!/bin/sh
# Print the folder in which podman's store can lie on this host; exit with status 1: print why podman cannot run here.
# `run` asks before it installs anything, so this needs neither podman nor Python.
set -eu

OLDEST=4.3 # plays pods as we need it

refuse() {
    printf '%s\n' "$*"
    exit 1
}

user=$(id -u)
[ "${user}" = 0 ] || refuse 'podman is run as root here, and this user is not: sudo ./run pod'
if command -v podman >/dev/null; then
    version=$(podman --version 2>/dev/null || true)
    version=${version#podman version }
elif grep -qsx 'VERSION_ID="22.04"' /etc/os-release; then
    version='3.4, in Ubuntu 22.04: use Ubuntu 24.04 or Debian 12, or newer'
else
    version=${OLDEST}
fi
dpkg --compare-versions "${version%%[!0-9.]*}" ge "${OLDEST}" \
    || refuse "podman ${OLDEST} or newer is needed; this is ${version}"
unshare --mount true 2>/dev/null || refuse 'podman must mount, which this container may not: start it with --privileged'

for folder in "${TMPDIR:-/tmp}" /var/lib/containers /var/tmp; do
    # 794c7630 is overlayfs (statfs(2)), on which podman cannot lay overlays of its own.
    case $(stat --file-system --format %t -- "${folder}" 2>/dev/null || true) in
        '' | 794c7630) ;;
        *)
            printf '%s\n' "${folder}"
            exit 0
            ;;
    esac
done
refuse "podman's store cannot lie on overlayfs, as in this container: start it with --volume /var/lib/containers"
