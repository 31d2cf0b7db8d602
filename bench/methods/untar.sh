#!/bin/sh
# The physical limit: only unpack, into an empty folder of the root. DEBS: the folder of the files; PLAN: names them.
set -eu
: "${DEBS:?}" "${PLAN:?}"
while read -r file _; do
    dpkg-deb -x "${DEBS}/${file}" /untarred
done <"${PLAN}"
