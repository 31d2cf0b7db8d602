#!/bin/sh
# The practical limit: one dpkg, no plan, no check. DEBS: the folder of the files; PLAN: names them, in apt's order.
set -eu
: "${DEBS:?}" "${PLAN:?}"
set --
while read -r file _; do
    set -- "$@" "${DEBS}/${file}"
done <"${PLAN}"
dpkg -i "$@"
