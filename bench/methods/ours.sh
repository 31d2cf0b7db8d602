#!/bin/sh
# Package Cache, by dpkg: the installer of a cache that is mounted read-only, as if nothing was recorded. GROUP: the groups.
set -eu
: "${GROUP:?}"
# shellcheck disable=SC2086  # names have no spaces
sh /opt/package_cache/install_group.sh --no-replay --result /run/bench.result ${GROUP}
