#!/bin/sh
# Before `install`: lists from the archive, and the package files where apt would have put them.
# DEBS: the folder of the files; PLAN: each one's name there and the name that apt gives it.
set -eu
: "${DEBS:?}" "${PLAN:?}"
apt-get update
while read -r file apt_name; do
    cp "${DEBS}/${file}" "/var/cache/apt/archives/${apt_name}"
done <"${PLAN}"
