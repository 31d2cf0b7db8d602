#!/bin/sh
# The physical limit of what trusts no file: hash all of them, then unpack them as untar.sh does.
# DEBS: the folder of the files; PLAN: names them.
set -eu
: "${DEBS:?}" "${PLAN:?}"
set --
while read -r file _; do
    set -- "$@" "${DEBS}/${file}"
done <"${PLAN}"
sha256sum "$@"
for file in "$@"; do
    dpkg-deb -x "${file}" /untarred
done
