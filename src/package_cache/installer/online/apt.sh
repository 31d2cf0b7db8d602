# How the online fallback asks apt: strictly, with lists and downloads of its own.
LISTS=/var/lib/apt # has the lists in every image, so it has room for ours
SILENCE=15         # seconds after which apt gives a silent source up
RETRIES=1          # of apt's own, for each file
UPDATE_TIMEOUT=300 # seconds for all sources' lists, so that one which drips has an end
# shellcheck disable=SC2016  # what apt-get expands, not we
TARGET_LINE='$(TRUSTED) $(FILENAME)'

# Options of apt.conf(5). On the command line they prevail over the image's configuration, which else is honoured:
# its sources, keys, pins, proxies, hooks. Before 1.5 apt accepts unsigned lists unless it is told not to.
STRICT='APT::Get::AllowUnauthenticated=false APT::Get::Force-Yes=false Acquire::AllowInsecureRepositories=false
    Acquire::AllowWeakRepositories=false Acquire::AllowDowngradeToInsecureRepositories=false'
# Retries::Delay: from 2.3.2 on apt would wait up to 30 s between retries. Lock::Timeout: apt has it from 1.9.11 on only.
PATIENCE="Acquire::Retries=${RETRIES} Acquire::Retries::Delay=false Acquire::http::Timeout=${SILENCE}
    Acquire::https::Timeout=${SILENCE} Acquire::ftp::Timeout=${SILENCE} DPkg::Lock::Timeout=0"
HABITS='APT::Get::Assume-Yes=true APT::Get::Remove=false APT::Get::allow-downgrades=false
    APT::Get::allow-change-held-packages=false APT::Install-Suggests=false Acquire::Languages=none Dpkg::Use-Pty=0
    Dpkg::Options::=--force-confdef Dpkg::Options::=--force-confold'

# print_options: of apt-get. Lists and downloads are our own, so that stale or unsigned ones of the image, and others'
# locks on them, do not matter, and the image's stay as they are.
print_options() {
    local option=''
    for option in ${STRICT} ${PATIENCE} ${HABITS} APT::Install-Recommends="${recommends}" \
        Dir::State::lists="${work}/lists" Dir::Cache="${work}" Dir::Cache::archives="${work}/archives" \
        Dir::Cache::pkgcache= Dir::Cache::srcpkgcache=; do
        printf ' -o %s' "${option}"
    done
}

# make_lists_folder: set `work` to a folder of this run, where apt's unprivileged downloader can enter; remove those of runs
# that were killed. 50
make_lists_folder() {
    local identity=''
    sweep_folders "${LISTS}/package-cache-online"
    identify "${$}"
    work=${LISTS}/package-cache-online.${identity}
    mkdir -p "${work}/lists/partial" "${work}/archives/partial" && : >"${work}/log" && return
    give_up install-failed "cannot create a folder in ${LISTS}" "give the container a writable root file system"
}

# fetch_lists: of all sources. Some may fail: what the others have may be enough.
fetch_lists() {
    say "reading the lists of the image's apt sources"
    run_within "${UPDATE_TIMEOUT}" apt-get -q ${options} update || say "not all sources can be used; going on with those that can"
    drop_untrusted
}

# drop_untrusted: remove the lists of which apt says that nobody signed them, which it reads where a source has
# allow-insecure=yes: a package of theirs that is newer would keep apt from installing at all.
drop_untrusted() {
    local trusted='' file=''
    apt-get ${options} indextargets --format "${TARGET_LINE}" 2>/dev/null >"${work}/targets"
    while read -r trusted file; do [ "${trusted}" != no ] || rm -f "${file}"; done <"${work}/targets"
}

# names_are_known: every missing package's name is one that apt knows. If not, it would read one with a dot as a regular
# expression and install all that match, and one with a plus at its end as a command (apt-get(8), install).
names_are_known() {
    local package='' name=''
    for package in ${missing}; do
        name=${package%%[:=]*}
        case ${name} in *.* | *+) ;; *) continue ;; esac
        apt-cache ${options} --all-names pkgnames "${name}" 2>/dev/null | grep -qxF -e "${name}" && continue
        printf 'E: Unable to locate package %s\n' "${package}" >>"${work}/log"
        return 1
    done
}
