#!/bin/sh
# What job scripts do: fetch the lists, then install. PACKAGES: names, with spaces between.
# Where the sources lead, and whether through a proxy, is in the root's configuration.
set -eu
: "${PACKAGES:?}"
apt-get update
# shellcheck disable=SC2086  # a list of names
apt-get install -y --no-install-recommends ${PACKAGES}
