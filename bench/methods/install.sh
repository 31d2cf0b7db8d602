#!/bin/sh
# apt-get with lists and package files already there, as in an image that somebody prepared. PACKAGES: names.
set -eu
: "${PACKAGES:?}"
# shellcheck disable=SC2086  # a list of names
apt-get install -y --no-install-recommends ${PACKAGES}
