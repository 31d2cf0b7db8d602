#!/bin/sh
# The entry point of the job's container: the plugins' pre-scripts, the user's command, the plugins' post-scripts.
#
#   job.sh [COMMAND [ARGUMENT...]]    a command, where one is given, runs instead of the job's own
#
# What it runs lies in the folder `job` beside it, where the init container put it. What it promises: docs/runtime.md.
# For dash, busybox sh and bash. Everything runs as a background child: only in `wait` does a shell hear signals.
set -u

say() {
    ( printf 'runtime: %s\n' "$*" >&2 ) || :
}

seconds() {
    date +%s
}

# Set `shell`, which runs the scripts, and `launcher`, what stands before each command:
# - setsid gives it a process group of its own, so that a signal reaches all of it;
# - a shell has its background children ignore INT and QUIT, which no child shell can undo (POSIX, XCU, 2.11, 2.14 trap);
#   env undoes it from coreutils 8.31 on, perl everywhere. Where neither is, `deaf` is set.
choose_launcher() {
    shell='sh'
    launcher=
    group=
    deaf=
    if command -v bash >/dev/null 2>&1; then
        shell=bash
    fi
    if command -v setsid >/dev/null 2>&1; then
        launcher=setsid
        group=yes
    fi
    if env --default-signal=INT,QUIT true >/dev/null 2>&1; then
        reset='env'
    elif perl -e 1 >/dev/null 2>&1; then
        reset=perl
    else
        reset=
        deaf=yes
    fi
}

# Become a command, in a subshell.
become() {
    case ${reset} in
        env)
            set -- env --default-signal=INT,QUIT "$@"
            ;;
        perl)
            # shellcheck disable=SC2016  # perl's variables
            set -- env PERL_BADLANG=0 perl -e 'delete $ENV{PERL_BADLANG}; @SIG{"INT", "QUIT"} = ("DEFAULT") x 2;
                exec { $ARGV[0] } @ARGV; print STDERR "$ARGV[0]: $!\n"; exit($!{ENOENT} ? 127 : 126)' -- "$@"
            ;;
        *) ;;
    esac
    # shellcheck disable=SC2086  # one word or none
    exec ${launcher} "$@"
}

# A signal has come: hand it to what runs.
# In a pre-script, or between two, it also means that nothing new begins. Post-scripts are what a first one leads to
# anyway, so only a second one ends them. USR1 and USR2 are the command's own.
# shellcheck disable=SC2317  # the traps call it
heard() {
    signalled=yes
    case $1 in
        USR1 | USR2)
            [ "${phase}" = command ] || return 0
            ;;
        *)
            first=${stopped}
            case $1 in
                HUP) : "${stopped:=129}" ;;
                INT) : "${stopped:=130}" ;;
                QUIT) : "${stopped:=131}" ;;
                *) : "${stopped:=143}" ;;
            esac
            if [ "${phase}" = post ] && [ -z "${first}" ]; then
                return 0
            fi
            ;;
    esac
    say "handing on SIG$1"
    if [ -n "${child}" ]; then
        deliver "$1"
    else
        pending="${pending} $1"
    fi
}

# Send a signal to a process group, once: dash takes a negative number only behind --, and does nothing without; busybox
# sends it also where it complains of --.
kill_group() {
    kill -s "$1" "-$2" 2>/dev/null || kill -s "$1" -- "-$2" 2>/dev/null
}

# Send a signal to the child and all of its group. TERM stands for what the child cannot hear.
deliver() {
    sign=$1
    case ${deaf}${sign} in
        yesINT | yesQUIT) sign=TERM ;;
        *) ;;
    esac
    kill_group "${sign}" "${child}" || kill -s "${sign}" "${child}" 2>/dev/null || :
}

# Run a command with descriptor 3 as its input, and set `status`.
run() {
    ( become "$@" <&3 3<&- ) &
    child=$!
    for waiting in ${pending}; do
        deliver "${waiting}"
    done
    pending=
    status=
    # A signal ends `wait` with 128 + its number, as the child's own death would: so wait again; that says 127 where
    # the first answer was the child's. Where the signal comes in the very moment of the death, bash may lose the
    # status and say -1: the first answer, that signal's, then stands.
    while :; do
        signalled=
        wait "${child}"
        answer=$?
        if [ -n "${status}" ] && { [ "${answer}" -eq 127 ] || [ "${answer}" -lt 0 ]; }; then
            break
        fi
        status=${answer}
        [ -n "${signalled}" ] || break
    done
    ended=${child}
    child=
}

# End what the command left running: politely, after 5 s for certain.
end_leftovers() {
    if [ -z "${group}" ] || ! kill_group 0 "${ended}"; then
        return 0
    fi
    say 'the command left processes running: ending them'
    for sign in TERM KILL; do
        kill_group "${sign}" "${ended}" || :
        tries=50
        [ "${sign}" = TERM ] || tries=5
        while [ "${tries}" -gt 0 ] && kill_group 0 "${ended}"; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
}

# Run the pre-script of a plugin, number, policy and name; add to `begun` and `summary`; set `failed` where it ends all.
prepare_plugin() {
    begun="$1:$2:$3 ${begun}"
    began=$(seconds)
    status=0
    if [ -f "${job}/$1-$3.pre.sh" ]; then
        run "${shell}" "${job}/$1-$3.pre.sh" 3</dev/null
    fi
    now=$(seconds)
    what="$3 $((now - began)) s"
    if [ "${status}" -ne 0 ]; then
        what="${what}, failed with status ${status}"
        if [ "$2" = fail ]; then
            failed=${status}
        else
            say "plugin $3: its pre-script ended with status ${status}: the job goes on, its failurePolicy is ignore"
        fi
    fi
    if [ -s "${PACKAGE_CACHE_REPORT}" ]; then
        served=
        while read -r line; do
            served="${served:+${served}, }${line}"
        done <"${PACKAGE_CACHE_REPORT}"
        what="${what} (${served})"
        true >"${PACKAGE_CACHE_REPORT}" # where `:` cannot open a file, it ends the shell (POSIX, XCU, 2.8.1)
    fi
    summary="${summary:+${summary}; }${what}"
}

# Run all pre-scripts in order, up to one that fails or to a signal.
prepare_plugins() {
    phase=pre
    begun=
    failed=
    summary=
    PACKAGE_CACHE_REPORT=$(mktemp 2>/dev/null) || PACKAGE_CACHE_REPORT=
    export PACKAGE_CACHE_REPORT
    while read -r number policy name; do
        if [ -n "${failed}${stopped}" ]; then
            break
        fi
        prepare_plugin "${number}" "${policy}" "${name}"
    done <"${job}/plan"
    if [ -n "${PACKAGE_CACHE_REPORT}" ]; then
        rm -f "${PACKAGE_CACHE_REPORT}"
    fi
    unset PACKAGE_CACHE_REPORT
    [ -z "${summary}" ] || say "plugins: ${summary}"
}

# Run the command, the arguments or the job's own, unless the plugins failed; set `result`.
run_command() {
    phase='command'
    pending= # what came between two pre-scripts has stopped them
    PAI_COMMAND_STATUS=
    if [ -n "${stopped}" ]; then
        say 'a signal came before the command: it does not run'
        result=${stopped}
    elif [ -n "${failed}" ]; then
        say 'a plugin failed whose failurePolicy is fail: the command does not run'
        result=${failed}
    else
        [ $# -gt 0 ] || set -- "${shell}" "${job}/user.sh"
        run "$@" 3<&0
        result=${status}
        PAI_COMMAND_STATUS=${status}
    fi
    phase=post
    pending=
    [ -z "${PAI_COMMAND_STATUS}" ] || end_leftovers
    export PAI_COMMAND_STATUS
}

# Run the post-scripts of the plugins that began, the last one first. Whatever comes of them, `result` stands.
finish_plugins() {
    for plugin in ${begun}; do
        number=${plugin%%:*}
        name=${plugin##*:}
        [ -f "${job}/${number}-${name}.post.sh" ] || continue
        run "${shell}" "${job}/${number}-${name}.post.sh" 3</dev/null
        [ "${status}" -eq 0 ] || say "plugin ${name}: its post-script ended with status ${status}"
    done
}

main() {
    here=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
    job=${here}/job
    if [ ! -f "${job}/plan" ] || [ ! -f "${job}/user.sh" ]; then
        say "cannot run the job: ${job} is not complete: the init container did not finish, or the volume is not mounted"
        exit 9
    fi
    phase=pre
    child=
    pending=
    stopped=
    trap 'heard TERM' TERM
    trap 'heard INT' INT
    trap 'heard HUP' HUP
    trap 'heard QUIT' QUIT
    trap 'heard USR1' USR1
    trap 'heard USR2' USR2
    ( : 3<&0 ) 2>/dev/null || exec </dev/null # one that is closed would be taken by the next file opened
    ( : 3>&1 ) 2>/dev/null || exec >/dev/null
    ( : 3>&2 ) 2>/dev/null || exec 2>/dev/null
    choose_launcher
    t0=$(seconds)
    prepare_plugins
    t1=$(seconds)
    run_command "$@"
    t2=$(seconds)
    finish_plugins
    t3=$(seconds)
    say "seconds: plugins $((t1 - t0)), command $((t2 - t1)), post-scripts $((t3 - t2)); status ${result}"
    exit "${result}"
}

main "$@"
