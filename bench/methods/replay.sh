#!/bin/sh
# Package Cache: the installer of a cache that is mounted read-only, by a recording where one fits. GROUP: the groups.
set -eu
: "${GROUP:?}"
# shellcheck disable=SC2086  # names have no spaces
sh /opt/package_cache/install_group.sh --result /run/bench.result ${GROUP}
