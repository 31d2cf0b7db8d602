# The replay: a recorded installation is unpacked beside what is here and put into place by renames, dpkg's status last. Until all
# is there (the marker `ready` in the journal) any end gives back what was here before; from then on there is only forward.

LDCONFIG_NOTES=/var/cache/ldconfig/aux-cache # written by ldconfig, which has no option against that

# replay_groups: replay while a recording fits. Status 0: nothing is missing; 1: another process was quicker; 2: the rest is for dpkg.
replay_groups() {
    local ended=''
    while find_recording; do
        replay
        ended=$?
        [ "${ended}" = 0 ] || return "${ended}"
        if is_all_replayed || look; then return 0; fi
    done
    return 2
}
is_all_replayed() { set -- ${groups} && set -- $# ${replayed} && [ "$1" = "$(($# - 1))" ]; }

# foresee_replay: for --dry-run, set `foreseen` to the image of the recording that would be replayed first. Of another root only
# dpkg's status is looked at.
foresee_replay() {
    find_recording && read_recording || return 2
    [ -n "${root}" ] || check_state || return
    foreseen=${recorded_image}
}

# replay: one recording. Status 1: another process was quicker; 2: it is not used, or was undone. 31 41 42 50
replay() {
    local came=''
    read_recording || return
    read_debs
    sort_planned
    lock_dpkg
    case $? in 0) ;; 1) return 1 ;; *) refuse "${refusal}" || return ;; esac
    if find_installer || ! is_still_recorded; then unlock_dpkg && return 1; fi
    check_state || { unlock_dpkg && return 2; }
    check_space
    hash_pool "${hashed_by}"
    phase replay_check
    begin_replay
    if ! unpack_recording; then
        undo_replay || fail_replay "${said}"
        say "${recorded_group}: cannot replay the recording of ${recorded_image}: ${refusal}; this was undone, and dpkg installs"
        return 2
    fi
    phase replay_unpack
    trap 'came=INT' INT
    trap 'came=TERM' TERM
    trap 'came=HUP' HUP
    replaying=finish
    finish_replay "${run}" || finish_replay "${run}" || fail_replay "${said}"
    end_replay
    hear_signals
    [ -z "${came}" ] || on_signal "${came}"
    phase replay_finish
}

# is_still_recorded: dpkg's status is that of the recording, now that nobody else can change it.
is_still_recorded() { hash_status && [ "${status_hash}" = "${status_before}" ]; }

# begin_replay: note what is about to be done, and keep apt's marks for an undo of all, and what ldconfig changes. 41 42
begin_replay() {
    find_run
    replaying=begin
    set -- facts same new finish
    [ ! -f "${LDCONFIG_NOTES}" ] || set -- "$@" "${LDCONFIG_NOTES}"
    [ -n "${recordings}" ] || [ ! -f "${APT_MARKS}" ] || set -- "$@" "${APT_MARKS}"
    # What is staged may be secret.
    (umask 077 && mkdir -p "${run}/staged" && cd "${stated}" && cp -p "$@" "${run}" && : >"${run}/replay") 2>/dev/null ||
        miss no-space "cannot write files in ${RUNS%/*}" "free some space or inodes there"
    replaying=unpack
}

# unpack_recording: all new files into place, and into `staged` what replaces others. Status 1: it failed, by `refusal`.
unpack_recording() {
    local hasher='' log='' bad=''
    set -- "${work}/recording.deb" "${run}" "${stated}" "${pool}" "${first_debs}" "${second_debs}" "${over_debs}"
    set -- "$@" "${TAR}" "${DPKG_DEB}" "${PERL}" "${TIMEOUT}"
    if ! run_logged sh -c "${UNPACK}" sh "$@"; then
        refusal=$(sed -n '$!{/^[a-z-]*tar: /{p;q;};};$p' "${log}") # tar or dpkg-deb say more than we do
        return 1
    fi
    refusal="a package file is not the one that the recording states (${hashed_by})"
    for hasher in ${hashers}; do wait "${hasher}" || bad=yes; done
    hashers=
    [ -z "${bad}" ] || return
    refusal='its status of dpkg is not the one that it states (SHA-256)'
    [ "$(sha256sum 2>/dev/null <"${run}/staged${DPKG_STATE}/status")" = "${status_after}  -" ] || return
    refusal="there is no space in ${run}"
    { true >"${run}/ready"; } 2>/dev/null # not `:`, whose failing redirection ends dash
}

# RECORDING RUN LISTS POOL FIRST SECOND OVER TAR DPKG-DEB PERL TIMEOUT. The new packages are unpacked by two pipes at once. The statuses
# of all programs of a pipe are gathered by descriptor 3, and counted: one that was killed has none.
# shellcheck disable=SC2016  # what the inner shell expands
UNPACK='
recording=$1 run=$2 lists=$3 pool=$4 first=$5 second=$6 over=$7 tar=$8 deb=$9 perl=${10} timeout=${11}
jobs= tab="	"
quit() { echo "$1"; [ -z "$jobs" ] || kill $jobs 2>/dev/null; wait; exit 1; }
check() {
    case $said in *[!0[:space:]]*) quit "cannot unpack $1" ;; esac
    count=$2
    set -- "$1" $said
    [ $# -gt "$count" ] || quit "cannot unpack $1: a program was killed"
}
number() { echo $#; }
give() { "$deb" --fsys-tarfile "$1"; echo $? >&3; }
widen() { "$perl" -e "fcntl(STDOUT, 1031, 1 << 20)" 2>/dev/null 3>&-; } # F_SETPIPE_SZ: 64 KiB keep both programs waiting
give_all() { widen & for hash in "$@"; do give "$pool/$hash.deb"; done; wait; }
take() { "$tar" -xpPf - --numeric-owner "$@"; echo $? >&3; }
take_all() { take --ignore-zeros --keep-directory-symlink --skip-old-files --anchored --no-wildcards -X "$lists/exclude" "$@"; }
cd /
said=$({ give "$recording" | take --acls --xattrs --xattrs-include="*" --keep-directory-symlink --transform "s,^\(\./\)\?staged/,$run/staged/,S"; } 3>&1 >&2)
check "the recording" 2
if [ -n "$first" ]; then
    pipes=1
    [ -z "$second" ] || pipes=2
    said=$({ { [ -z "$second" ] || give_all $second | take_all; } & give_all $first | take_all; wait; } 3>&1 >&2)
    check "the packages" "$(($(number $first $second) + pipes))"
fi
while IFS="$tab" read -r path command; do
    mkdir -p "$run/staged${path%/*}" || quit "no folder for $path"
    $timeout -k 10 60 sh -c "$command" sh "$run/staged$path" </dev/null &
    jobs="$jobs $!"
done <"$lists/regenerate"
if [ -n "$over" ]; then
    for top in bin sbin lib lib32 lib64 libx32; do # as where /usr is merged
        [ ! -L "/$top" ] || { mkdir -p "$run/staged/usr/$top" && ln -s "usr/$top" "$run/staged/$top"; } || quit "no folder for $top"
    done
    said=$({ give_all $over | take_all -C "$run/staged"; } 3>&1 >&2)
    check "the upgraded packages" "$(($(number $over) + 1))"
fi
for job in $jobs; do wait "$job" || quit "a command that makes a file anew failed"; done
while IFS="$tab" read -r path command; do [ -s "$run/staged$path" ] || quit "$path was not made anew"; done <"$lists/regenerate"
moved=$(sed -n "s/^move$tab//p" "$lists/finish") || quit "the list of renames cannot be read"
set -f
IFS="
"
for path in $moved; do # not by `read`, which takes a system call for each byte
    [ -e "$run/staged$path" ] || [ -L "$run/staged$path" ] || quit "$path was not unpacked"
done
'

# finish_replay FOLDER [rest]: do what `finish` of a journal lists, which can be done again, or only what follows the new status.
# Status 1: it failed, by `said`.
finish_replay() { said=$(trap '' INT TERM HUP && exec "${PERL}" -e "${FINISH}" "$@" 2>&1); }

# shellcheck disable=SC2016  # what perl expands
FINISH='
use strict;
my ($run, $rest) = @ARGV;
sub owned { my ($p, $mode, $uid, $gid) = @_; chown($uid, $gid, $p) && chmod(oct($mode), $p) or die "$p: $!\n" }
sub is_done { my ($p) = @_; return !lstat("$run/staged$p") && lstat($p) }
my %act = (
    own => sub { my ($p, @owner) = @_; is_done($p) or owned("$run/staged$p", @owner) },
    move => sub { my ($p) = @_; is_done($p) or rename("$run/staged$p", $p) or die "$p: $!\n" },
    gone => sub { my ($p) = @_; !lstat($p) or -d _ ? rmdir($p) : unlink($p) or -d _ or die "$p: $!\n" },
    mode => sub { owned(@_) },
    time => sub { my ($p, $time) = @_; utime($time, $time, $p) or die "$p: $!\n" },
);
open(my $list, "<", "$run/finish") or die "finish: $!\n";
while (<$list>) {
    chomp;
    my ($do, @fields) = split(/\t/, $_, -1);
    my $p = pop @fields;
    $act{$do} && $p =~ m{\A/} && $p !~ m{/\.\.(?:/|\z)} or die "no action: $_\n";
    $act{$do}->($p, @fields) unless $rest;
    $rest = "" if $do eq "move" && $p eq "/var/lib/dpkg/status";
}
'

# undo_replay: what was unpacked goes, and all is as before. Status 1: not completely.
undo_replay() {
    [ -z "${hashers}" ] || kill ${hashers} 2>/dev/null
    hashers=
    case ${replaying} in unpack) { remove_new "${run}" && restore_notes "${run}"; } || return ;; *) ;; esac
    [ -n "${recordings}" ] || baseline=$(print_state) # folders have other times
    leave_replay
}

# remove_new FOLDER: remove what a journal's `new` lists and nothing else. Status 1: something stays, by `said`.
remove_new() { said=$(trap '' INT TERM HUP && exec "${PERL}" -e "${REMOVE_NEW}" "$1" 2>&1); }

# shellcheck disable=SC2016  # what perl expands
REMOVE_NEW='
use strict;
my ($run) = @ARGV;
my $stays = 0;
open(my $list, "<", "$run/new") or die "new: $!\n";
for my $p (reverse <$list>) {
    chomp $p;
    $p =~ m{\A/} && $p !~ m{/\.\.(?:/|\z)} or die "no path: $p\n";
    next if !lstat($p);
    next if -d _ ? rmdir($p) : unlink($p);
    print "$p: $!\n";
    $stays = 1;
}
exit $stays;
'

# restore_notes FOLDER: as they were before a journal's commands ran; which may have been the first to write any. Status 1: it failed.
restore_notes() {
    if [ -f "$1/${LDCONFIG_NOTES##*/}" ]; then
        said=$(mv -f "$1/${LDCONFIG_NOTES##*/}" "${LDCONFIG_NOTES}" 2>&1)
    else
        said=$(rm -f "${LDCONFIG_NOTES}" 2>&1)
    fi
}

# end_replay: it is done: add what it brought to what this call brings.
end_replay() {
    recorded_files="${recorded_files}${files}" recorded_bytes=$((recorded_bytes + bytes)) recorded_lines=${recorded_lines}${package_lines}
    recorded_fresh="${recorded_fresh}${fresh}" recorded_leftover="${recorded_leftover}${leftover}" recorded_file_of=${recorded_file_of}${file_of# }
    files='' bytes=0 package_lines='' fresh='' leftover='' automatic='' file_of=' '
    replayed="${replayed} ${recorded_group}" method=replay refusal=''
    case ", ${recordings}, " in *", ${recorded_image}, "*) ;; *) recordings=${recordings:+${recordings}, }${recorded_image} ;; esac
    leave_replay
    is_all_replayed || baseline=$(print_state)
}

# leave_replay: neither the journal nor dpkg's locks are needed any more. A journal that nothing follows goes with the run.
leave_replay() {
    replaying=
    is_all_replayed || rm -rf "${run}/replay" "${run}/ready" "${run}/staged"
    [ -n "${recordings}" ] || end_run
    unlock_dpkg
}

# fail_replay CAUSE: exit because neither forward nor back is possible now; the journal stays. 50
fail_replay() {
    stop_listening
    abandon_replay
    complain "cannot install ${groups} (install-failed): the replay of a recording can be neither completed nor undone: $1"
    complain "${outcome}; next step: free some space, or make that path writable, and run it again"
    finish install-failed "$1; ${outcome}"
}

# abandon_replay: leave its journal to the next run. Sets `outcome`.
abandon_replay() {
    unlock_dpkg
    run='' replaying='' outcome='not completely undone: the next installation continues'
}
