#!/bin/sh
# Before `present`: a first installation. GROUP: the group.
set -eu
: "${GROUP:?}"
sh /opt/package_cache/install_group.sh --no-replay "${GROUP}"
