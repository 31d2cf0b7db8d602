#!/bin/sh
# Installs groups from a cache into the image of a dev container, which is built as root. The options of
# devcontainer-feature.json come as variables: INSTALL, CACHE and FALLBACK.
set -euf
here=$(cd -- "$(dirname -- "$0")" && pwd)
cache=${CACHE:-${here}/package_cache}
groups=$(printf '%s' "${INSTALL-}" | tr ',' ' ')

if [ -z "${groups}" ]; then
    echo "package-cache: the feature's option install names no group" >&2
    exit 2
fi
status=30 # no cache, in the installer's table
if [ -f "${cache}/install_group.sh" ]; then
    status=0
    # shellcheck disable=SC2086  # a list of names
    sh "${cache}/install_group.sh" -- ${groups} || status=$?
else
    echo "package-cache: there is no cache at ${cache}: stage one, package-cache stage GROUP --to FOLDER" >&2
fi
if [ "${status}" = 0 ] || [ -z "${FALLBACK-}" ]; then
    exit "${status}"
fi
echo "package-cache: falling back to apt-get" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086  # a list of names
apt-get install -y --no-install-recommends -- ${FALLBACK}
