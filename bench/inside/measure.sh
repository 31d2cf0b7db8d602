#!/bin/sh
# Runs a script and prints when it began and ended, its status, and the processor time of its processes (`times`).
begin=$(date +%s.%N)
sh "$1" >/run/bench.log 2>&1 </dev/null
status=$?
end=$(date +%s.%N)
echo "${begin} ${end} ${status}"
times
