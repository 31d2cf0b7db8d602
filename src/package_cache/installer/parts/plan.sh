# The plan: the container's own apt says which of the cache's packages are missing, in which order.
WORK_KIB=16384 # what temporary files take at most
WORK_PLACES='/tmp /var/tmp /dev/shm'
DPKG_OPTIONS='--force-unsafe-io --force-confdef --force-confold --refuse-downgrade'

# find_work: set `work` to a private folder in the first place with room. Status 1: there is none.
find_work() {
    local place=''
    [ -z "${work}" ] || return 0
    for place in /run ${TMPDIR:+"${TMPDIR}"} ${WORK_PLACES}; do
        case ${place} in *[!a-zA-Z0-9/.-]* | [!/]*) continue ;; *) ;; esac # apt writes others in another way
        [ -d "${place}" ] && [ -w "${place}" ] || continue
        # shellcheck disable=SC2046  # words on purpose
        set -- $(df -Pk "${place}" 2>/dev/null)
        is_number "${11-}" && [ "${11}" -ge "${WORK_KIB}" ] || continue
        work=${place}/package-cache.${me}
        mkdir -m 700 "${work}" 2>/dev/null && write_configuration && return
        rm -rf "${work}"
        work=
    done
    return 1
}
make_work() { find_work || miss no-space "no place for temporary files has ${WORK_KIB} KiB free: /run, TMPDIR, ${WORK_PLACES}" "free some space there"; }

# write_configuration: an apt.conf(5) that reads only dpkg's status and apt's marks (/dev/null may be a plain file with text); no
# caches, which cost more than they save; all versions of apt plan as those before 2.5.2 (NEWS.Debian).
write_configuration() {
    {
        printf 'Dir::Etc%s "/dev/null";\n' '' ::parts ::sourceparts ::preferencesparts ::trustedparts ::netrcparts &&
            printf 'Dir::Etc::%s "/nonexistent";\n' main preferences trusted netrc &&
            printf 'Dir::%s "%s";\n' Etc::sourcelist "${work}/sources.list" State "${work}" State::lists "${work}" \
                State::status "${DPKG_STATE}/status" State::extended_states "${APT_MARKS}" Cache "${work}" \
                Cache::archives "${work}" Cache::pkgcache '' Cache::srcpkgcache '' Log "${work}" Log::Planner '' &&
            printf 'APT::%s "%s";\n' Architecture "${architecture}" Sandbox::User root Install-Suggests false \
                Install-Recommends "${recommends}" Get::Always-Include-Phased-Updates true \
                Get::Upgrade-By-Source-Package false &&
            printf 'APT::Architectures:: "%s";\n' "${architecture}" ${foreign} &&
            printf 'Acquire::Languages "none";\nDPkg::Lock::Timeout "0";\nDPkg::Use-Pty "false";\n' &&
            printf 'DPkg::Options:: "%s";\n' ${DPKG_OPTIONS}
    } 2>/dev/null >"${work}/apt.conf"
}

# ask_apt PROGRAM ARGUMENT...: set `said` to what it says with the private configuration.
ask_apt() { said=$(APT_CONFIG=${work}/apt.conf TMPDIR=${work} "$@" 2>&1 </dev/null); }

# link_indexes [IMAGE]: give apt the groups' indexes, or those for IMAGE, named as if it had fetched them. 41
link_indexes() {
    local number=0 sources='' group='' index='' list=''
    linked=yes image=${1-} list=$(printf '%s' "${work}" | tr / _)
    for group in ${groups}; do
        number=$((number + 1)) sources="${sources}deb [trusted=yes] file:${work}/cache ${number}/${NEWLINE}"
        index=groups/${group}-${system}/Packages
        case "${image_indexes} " in *" ${index}.${architecture}.${image} "*) index=${index}.${architecture}.${image} ;; *) ;; esac
        copy_checked "${index}" "${work}/${list}_cache_${number}_Packages" || no_work
    done
    { printf '%s' "${sources}" >"${work}/sources.list"; } 2>/dev/null && write_configuration || no_work
}
no_work() { miss no-space "there is no space for temporary files in ${work%/*}" "free some, or set TMPDIR"; } # 41

# plan: set files (in apt's order), planned, file_of, bytes, need_kib. Status 1: another process was at work. 13 22 31
plan() {
    local trouble=''
    files='' planned='' file_of=' ' bytes=0 package_lines='' need_kib=${installed_kib}
    is_half_done && trouble=dpkg-broken || ask_for_plan ${missing} || plan_for_image || trouble=no-plan
    if [ -n "${trouble}" ] && [ -z "${dry_run}" ] && is_disturbed; then return 1; fi
    [ -z "${trouble}" ] || no_plan
    for_lines read_plan_line "${said}"
}

# is_disturbed: another process works with dpkg, ended just now, or was an installer that was killed meanwhile.
is_disturbed() { find_holder || ! is_as_before || { [ -d "${RUNS}" ] && [ -z "${recovered}" ]; }; }

# ask_for_plan REQUEST...: set `said` to what apt would install.
ask_for_plan() { ask_apt apt-get -y --no-remove --print-uris install "$@"; }

# plan_for_image: let apt plan out of the indexes for one image after the other. Status 1: none has a plan; `said` stays.
plan_for_image() {
    local own="${said}" each=''
    for each in ${images}; do
        link_indexes "${each}"
        if ask_for_plan ${missing}; then
            say "${groups}: using the packages for the image ${image}, because the groups' own do not fit here"
            return
        fi
    done
    [ -z "${images}" ] || link_indexes
    said=${own}
    return 1
}

# no_plan: exit because of `trouble`. 13 22 31
no_plan() {
    local words="${said}"
    for_lines add_apt_line "${said}"
    ask_apt apt-get -o Debug::NoLocking=true check || trouble=dpkg-broken
    [ "${trouble}" != no-plan ] || said=${words}
    explain
    case ${trouble}:${NEWLINE}${obstacle_lines} in
        no-plan:*) ;;
        *"${NEWLINE}obstacle=half-installed|"* | *"${NEWLINE}obstacle=unmet|"*) miss dpkg-broken "packages are half installed here${culprit}" "run dpkg --configure -a, then apt-get -f install" ;;
        *) miss dpkg-broken "apt-get check fails here" "repair apt, or build the cache again" ;;
    esac
    miss no-plan "the packages here and those of the cache cannot be combined" "lock for this image as well (lock --for), or use the fallback of this image"
}
add_apt_line() { apt_lines="${apt_lines}apt=$1${NEWLINE}"; }

# read_plan_line LINE of `apt-get --print-uris`: 'uri' name_version_architecture.deb size, or the space needed. 31
read_plan_line() {
    local size="${1#After this operation, }"
    case $1 in
        "'"*) add_file $1 ;;
        'After this operation, '*' GB '*' used.') need_kib=$((${size%%[. ]*} * 1000000 + 1000000)) ;;
        'After this operation, '*' MB '*' used.') need_kib=$((${size%%[. ]*} * 1000 + 1000)) ;;
        'After this operation, '*) need_kib=1000 ;;
        *) ;;
    esac
}

# is_package TEXT: a package's name, perhaps with its architecture, as a database, an index and notes have it.
is_package() { case $1 in [!a-zA-Z0-9]* | *[!a-zA-Z0-9+._:-]*) return 1 ;; *) [ -n "$1" ] ;; esac; }

# add_file URI NAME SIZE: add a package file to the plan. 31
add_file() {
    local hash="${1##*/}" name="${2%%_*}" version="${2#*_}" arch="${2##*_}"
    hash=${hash%".deb'"} arch=${arch%.deb} version=${version%_*}
    until [ "${name}" = "${name%%%5f*}" ]; do name=${name%%%5f*}_${name#*%5f}; done # apt escapes these
    until [ "${version}" = "${version%%%3a*}" ]; do version=${version%%%3a*}:${version#*%3a}; done
    is_number "$3" && is_hash "${hash}" || damaged "its index names a file outside the pool: $1 $2"
    package_lines="${package_lines}package=${name} ${version} ${arch} $3 ${hash}${NEWLINE}"
    case " all ${architecture}${foreign} " in
        *" ${arch} "*) ;;
        *) miss no-plan "dpkg accepts no ${arch} packages here, such as ${name}" "run dpkg --add-architecture ${arch} when the image is made" ;; # of a flat repository
    esac
    case ${arch} in all | "${architecture}") ;; *) name=${name}:${arch} ;; esac
    is_package "${name}" || damaged "its index has a package '${name}', which is not a package name"
    files="${files} ${hash}" planned="${planned} ${name}" file_of="${file_of}${name}/${hash} " bytes=$((bytes + $3))
}
