#!/bin/sh
# Each file by a dpkg of its own, whatever becomes of it; apt-get repairs; then dpkg is asked.
# DEBS: the folder of the files; PLAN: a file that names them first in each line; PACKAGES: what must be there.
set -eu
: "${DEBS:?}" "${PLAN:?}" "${PACKAGES:?}"
while read -r file _; do
    dpkg -i "${DEBS}/${file}" </dev/null || true
done <"${PLAN}"
apt-get install -y -f
for package in ${PACKAGES}; do
    dpkg -s "${package}"
done
