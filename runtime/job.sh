#!/bin/sh
# The entry point of the job's container: the plugins' pre-scripts, the user's command, the plugins' post-scripts.
#
#   job.sh [COMMAND [ARGUMENT...]]    a command, where one is given, runs instead of the job's own
#
# What it runs lies in the folder `job` beside it, where the init container put it. What it promises: docs/runtime.md.
# For dash, busybox sh and bash. Everything runs as a background child: only in `wait` does a shell hear signals.

# shellcheck disable=SC2310,SC2312  # no "set -e" here: every status that matters is looked at
# shellcheck disable=SC2317  # shellcheck does not see what traps call
# shellcheck disable=SC3043  # every /bin/sh of the family has local (Debian Policy 10.4), and so have bash and busybox
set -u

. shared/report.sh
. shared/clock.sh
. shared/process_groups.sh

program=runtime

# set_state: the state of the run, by the functions that set it; all else is local to a function.
set_state() {
    # choose_shell
    shell='' session='' reset=''
    # main, prepare_plugins, run_command
    job='' phase='pre' begun='' failed='' summary='' result=''
    # run_child, handle_signal
    child='' ended='' status='' pending='' signalled='' stopped=''
}

# seconds_since HUNDREDTHS: set `now`, and `seconds` that have passed.
seconds_since() {
    clock
    seconds=$(((now - $1) / 100))
}

# choose_shell: set `shell`, which runs the scripts; `session`; and `reset`: a shell has its background children ignore INT
# and QUIT, which no child shell can undo (POSIX, XCU, 2.11, 2.14 trap); env undoes it from coreutils 8.31 on, perl
# everywhere. If neither is there, `reset` is empty, and a child cannot hear the two.
choose_shell() {
    shell='sh'
    ! command -v bash >/dev/null 2>&1 || shell=bash
    session=$(command -v setsid)
    ! env --default-signal=INT,QUIT true >/dev/null 2>&1 || reset='env'
    [ -n "${reset}" ] || ! perl -e 1 >/dev/null 2>&1 || reset=perl
}

# become COMMAND...: in a subshell.
become() {
    case ${reset} in
        env) set -- env --default-signal=INT,QUIT "$@" ;;
        perl)
            # shellcheck disable=SC2016  # perl's variables
            set -- env PERL_BADLANG=0 perl -e 'delete $ENV{PERL_BADLANG}; @SIG{"INT", "QUIT"} = ("DEFAULT") x 2;
                exec { $ARGV[0] } @ARGV; print STDERR "$ARGV[0]: $!\n"; exit($!{ENOENT} ? 127 : 126)' -- "$@"
            ;;
        *) ;;
    esac
    # shellcheck disable=SC2086  # one word or none
    exec ${session} "$@"
}

# handle_signal NAME: the trap of signals: hand it to what runs.
# In a pre-script, or between two, it also means that nothing new begins. Post-scripts are what a first one leads to
# anyway, so only a second one ends them. USR1 and USR2 are the command's own.
handle_signal() {
    local first="${stopped}"
    signalled=yes
    case $1 in
        USR1 | USR2) [ "${phase}" = command ] || return 0 ;;
        HUP) stopped=${stopped:-129} ;;
        INT) stopped=${stopped:-130} ;;
        QUIT) stopped=${stopped:-131} ;;
        *) stopped=${stopped:-143} ;;
    esac
    if [ "${phase}" = post ] && [ -z "${first}" ]; then return 0; fi
    complain "handing on SIG$1"
    if [ -n "${child}" ]; then deliver "$1"; else pending="${pending} $1"; fi
}

# deliver SIGNAL: to the child and all of its group. TERM stands for what the child cannot hear.
deliver() {
    case ${reset}$1 in INT | QUIT) set -- TERM ;; *) ;; esac
    kill_group "$1" "${child}" || kill "-$1" "${child}" 2>/dev/null || :
}

# run_child COMMAND...: with descriptor 3 as its input. Sets `status`, and `ended` to its process.
run_child() {
    local signal='' answer=''
    ( become "$@" <&3 3<&- ) &
    child=$!
    for signal in ${pending}; do deliver "${signal}"; done
    pending=
    status=
    # A signal ends `wait` with 128 + its number, as the child's own death would: so wait again; that says 127 where
    # the first answer was the child's. Where the signal comes in the very moment of the death, bash may lose the
    # status and say -1: the first answer, that signal's, then stands.
    while :; do
        signalled=
        wait "${child}"
        answer=$?
        if [ -n "${status}" ] && { [ "${answer}" -eq 127 ] || [ "${answer}" -lt 0 ]; }; then break; fi
        status=${answer}
        [ -n "${signalled}" ] || break
    done
    ended=${child}
    child=
}

# end_leftovers: end what the command left running: politely, after 5 s for certain.
end_leftovers() {
    local signal='' tries=''
    if [ -z "${session}" ] || ! kill_group 0 "${ended}"; then return 0; fi
    complain 'the command left processes running: ending them'
    for signal in TERM KILL; do
        kill_group "${signal}" "${ended}" || :
        tries=50
        [ "${signal}" = TERM ] || tries=5
        while [ "${tries}" -gt 0 ] && kill_group 0 "${ended}"; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
}

# prepare_plugin NUMBER POLICY NAME: run its pre-script. Adds to `begun` and `summary`; sets `failed` where it ends all.
prepare_plugin() {
    local began='' now='' seconds='' what='' served='' line=''
    begun="$1:$2:$3 ${begun}"
    clock
    began=${now}
    status=0
    [ ! -f "${job}/$1-$3.pre.sh" ] || run_child "${shell}" "${job}/$1-$3.pre.sh" 3</dev/null
    seconds_since "${began}"
    what="$3 ${seconds} s"
    if [ "${status}" -ne 0 ]; then
        what="${what}, failed with status ${status}"
        if [ "$2" = fail ]; then
            failed=${status}
        else
            complain "plugin $3: its pre-script ended with status ${status}: the job goes on, its failurePolicy is ignore"
        fi
    fi
    if [ -s "${PACKAGE_CACHE_REPORT}" ]; then
        while read -r line; do served="${served:+${served}, }${line}"; done <"${PACKAGE_CACHE_REPORT}"
        what="${what} (${served})"
        true >"${PACKAGE_CACHE_REPORT}" # where `:` cannot open a file, it ends the shell (POSIX, XCU, 2.8.1)
    fi
    summary="${summary:+${summary}; }${what}"
}

# prepare_plugins: run all pre-scripts in order, up to one that fails or to a signal.
prepare_plugins() {
    local number='' policy='' name=''
    PACKAGE_CACHE_REPORT=$(mktemp 2>/dev/null) || PACKAGE_CACHE_REPORT=
    export PACKAGE_CACHE_REPORT
    while read -r number policy name; do
        [ -z "${failed}${stopped}" ] || break
        prepare_plugin "${number}" "${policy}" "${name}"
    done <"${job}/plan"
    [ -z "${PACKAGE_CACHE_REPORT}" ] || rm -f "${PACKAGE_CACHE_REPORT}"
    unset PACKAGE_CACHE_REPORT
    [ -z "${summary}" ] || complain "plugins: ${summary}"
}

# run_command [COMMAND...]: the arguments or the job's own, unless the plugins failed. Sets `result`.
run_command() {
    phase='command'
    pending= # what came between two pre-scripts has stopped them
    PAI_COMMAND_STATUS=
    if [ -n "${stopped}" ]; then
        complain 'a signal came before the command: it does not run'
        result=${stopped}
    elif [ -n "${failed}" ]; then
        complain 'a plugin failed whose failurePolicy is fail: the command does not run'
        result=${failed}
    else
        [ $# -gt 0 ] || set -- "${shell}" "${job}/user.sh"
        run_child "$@" 3<&0
        result=${status}
        PAI_COMMAND_STATUS=${status}
    fi
    phase=post
    pending=
    [ -z "${PAI_COMMAND_STATUS}" ] || end_leftovers
    export PAI_COMMAND_STATUS
}

# finish_plugins: run the post-scripts of the plugins that began, the last one first. Whatever comes of them, `result` stands.
finish_plugins() {
    local plugin='' number='' name=''
    for plugin in ${begun}; do
        number=${plugin%%:*} name=${plugin##*:}
        [ -f "${job}/${number}-${name}.post.sh" ] || continue
        run_child "${shell}" "${job}/${number}-${name}.post.sh" 3</dev/null
        [ "${status}" -eq 0 ] || complain "plugin ${name}: its post-script ended with status ${status}"
    done
}

# main [COMMAND...]
main() {
    local here='' signal='' now='' seconds='' began='' plugins='' command=''
    set_state
    trap : PIPE # a reader that is gone is no reason to stop
    here=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
    job=${here}/job
    if [ ! -f "${job}/plan" ] || [ ! -f "${job}/user.sh" ]; then
        complain "cannot run the job: ${job} is not complete: the init container did not finish, or the volume is not mounted"
        exit 9
    fi
    # shellcheck disable=SC2064  # the name that it has now
    for signal in TERM INT HUP QUIT USR1 USR2; do trap "handle_signal ${signal}" "${signal}"; done
    ( : 3<&0 ) 2>/dev/null || exec </dev/null # one that is closed would be taken by the next file opened
    ( : 3>&1 ) 2>/dev/null || exec >/dev/null
    ( : 3>&2 ) 2>/dev/null || exec 2>/dev/null
    choose_shell
    clock
    began=${now}
    prepare_plugins
    seconds_since "${began}"
    plugins=${seconds} began=${now}
    run_command "$@"
    seconds_since "${began}"
    command=${seconds} began=${now}
    finish_plugins
    seconds_since "${began}"
    complain "seconds: plugins ${plugins}, command ${command}, post-scripts ${seconds}; status ${result}"
    exit "${result}"
}

main "$@"
