# The installation: one dpkg run or, where that does not do it, apt's own way with the same files; then apt's marks.

# run_logged COMMAND...: run it with a time limit, its output in a new one of `logs`; return its status.
run_logged() {
    log=${work}/log.$((${#logs} + 1))
    logs="${logs} ${log}"
    run_bounded "${install_timeout}" "${log}" "$@"
}

# run_patiently COMMAND...: the same, once more after each time that another process had locked what it needs.
run_patiently() {
    local failed=''
    while :; do
        wait_for_others
        run_logged "$@" && return
        failed=$?
        was_locked "${log}" && be_patient || return "${failed}"
    done
}

# set_answers: give debconf the groups' answers about what comes, but to no question that has an answer here. Status 1: it failed.
set_answers() {
    local there='' wanted=''
    [ -n "${answers}" ] || return 0
    there=" $(sed -n '/^Name: /h;/^Value:/{x;s/^Name: //p;}' /var/cache/debconf/config.dat 2>/dev/null | tr '\n' ' ')"
    for_lines add_answer "${answers}"
    [ -z "${wanted}" ] || { printf '%s' "${wanted}" >"${work}/answers" && run_patiently debconf-set-selections "${work}/answers"; }
}
add_answer() {
    local line="$1"
    set -- $1
    case " ${fresh} ${leftover} ":${there} in *" $1 "*:*" $2 "*) ;; *" $1 "*:*) wanted=${wanted}${line}${NEWLINE} answered="${answered} $1:$2" ;; *) ;; esac
}

# install_files: by dpkg alone if no Pre-Depends (Debian Policy 7.2) forbid. Status 1: another was quicker; 2: it failed.
install_files() {
    local name='' first='' hash=''
    for name in ${pre_dependencies}; do case "${planned} " in *" ${name} "* | *" ${name}:"*) first=${name} ;; *) ;; esac; done
    if [ -z "${first}" ]; then
        set --
        for hash in ${files}; do set -- "$@" "${pool}/${hash}.deb"; done
        run_logged "${DPKG}" ${DPKG_OPTIONS} --install "$@" && return
        if is_as_before && was_locked "${log}"; then be_patient && return 1 || locked_too_long; fi
        say "${groups}: dpkg --install failed; trying apt-get install"
    fi
    install_by_apt || return 2
}

# install_by_apt: what is half done is ours alone, because dpkg was sane before; --fix-broken completes it.
install_by_apt() {
    ln -s "${cache}" "${work}/cache" # spares apt every unusual character of the cache's path
    set -- env APT_CONFIG="${work}/apt.conf" TMPDIR="${work}" apt-get -y --no-remove
    run_patiently "$@" --fix-broken install && run_patiently "$@" install ${missing}
}

# sort_planned: set `fresh` to what was not here, `leftover` to what had left its conffiles, `automatic` to dependencies.
sort_planned() {
    local name=''
    in_state '?n*' ${planned}
    fresh=${found}
    in_state '?c*' ${planned}
    leftover=${found} automatic=
    for name in ${fresh} ${leftover}; do case "${named} " in *" ${name} "*) ;; *) automatic="${automatic} ${name}" ;; esac; done
}

# fail CAUSE: exit because of what dpkg or a package's own script did: show the log, undo. 40 50
fail() {
    if [ -z "${recordings}" ] && is_as_before && find_holder; then locked_too_long; fi
    stop_listening # undoing is not interrupted
    [ -z "${logs}" ] || complain "the last lines of dpkg's output:${NEWLINE}$(cat ${logs} | tail -n 40)"
    undo
    complain "cannot install ${groups} (install-failed): $1"
    complain "${outcome}; next step: read the lines above, or use the fallback of this image"
    finish install-failed "$1; ${outcome}"
}

# mark, mark_manual: mark what came as a dependency as such, and what is asked for by name as that, as apt-get install does.
mark() { [ -z "${automatic}" ] || set_marks auto ${automatic}; }
mark_manual() {
    local marks='' name=''
    [ -z "${dry_run}" ] || return 0
    marks=$(cat "${APT_MARKS}" 2>/dev/null)
    set -- manual
    for name in ${named}; do
        case ${name} in *:*) ;; *) name=${name}:${architecture} ;; esac
        case ${marks} in *"Package: ${name%:*}${NEWLINE}Architecture: ${name#*:}${NEWLINE}Auto-Installed: 1"*) set -- "$@" "${name}" ;; *) ;; esac
    done
    set_marks "$@"
}
set_marks() { [ $# = 1 ] || { find_work && ask_apt apt-mark "$@"; } || complain "cannot mark packages ($1): ${said}"; }
