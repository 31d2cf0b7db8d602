#!/bin/sh
# Makes the root another image than the recorded one: dpkg's status says the same with another hash.
set -eu
echo >>/var/lib/dpkg/status
