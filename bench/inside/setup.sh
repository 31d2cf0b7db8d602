#!/bin/sh
# Makes a root what container images of these distributions are: no service starts, no translations, no fsync by dpkg.
# SOURCES: lines of sources.list; PROXY: an http proxy, or empty.
set -eu
: "${SOURCES:?}" "${PROXY?}"
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/docker-apt-speedup
# The kept archive may be older than its Release allows; its signatures are still checked.
cat >/etc/apt/apt.conf.d/bench <<END
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
END
[ -z "${PROXY}" ] || printf 'Acquire::http::Proxy "%s";\n' "${PROXY}" >>/etc/apt/apt.conf.d/bench
rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin
printf '%s\n' "${SOURCES}" >/etc/apt/sources.list
