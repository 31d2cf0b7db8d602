# What both programs of the action say to the runner, and how they become root.

: "${GITHUB_OUTPUT=/dev/null}" "${GITHUB_STEP_SUMMARY=/dev/null}"

# safe TEXT: print a stranger's text without characters that are a command to the runner, a shell or a terminal.
safe() { printf %.200s "$1" | LC_ALL=C tr -c 'A-Za-z0-9+.:~=_/@ -' '?'; }

# set_output NAME VALUE: of this step; VALUE has no line end.
set_output() { printf '%s=%s\n' "$1" "$2" >>"${GITHUB_OUTPUT}"; }

# summarize LINE...: append lines to the job's summary.
summarize() { printf '%s\n' "$@" >>"${GITHUB_STEP_SUMMARY}"; }

# end_step REASON CAUSE NEXT-STEP: exit without success, with the status of REASON.
end_step() {
    printf '::error title=Package Cache::cannot install packages: %s; %s\n' "$2" "$3"
    summarize '### Package Cache' '' "**failed**: $2" '' "$3" ''
    leave "$1"
}

# find_root: set `as_root` to what precedes a command of root. Status 1: this user cannot become root.
find_root() {
    as_root=
    [ "$(id -u)" != 0 ] || return 0
    as_root='sudo -n'
    ${as_root} true 2>/dev/null
}
