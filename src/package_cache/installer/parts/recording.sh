# Recordings: which one is for this container, and whether everything here is as it was where it was recorded.
RECORDING_FORMAT=1 # of a recording's facts
PERL=/usr/bin/perl # with their paths, for a busybox sh may take its own programs for these
DPKG_DEB=/usr/bin/dpkg-deb

# find_recording: set `recorded` and `recorded_group` to a file of the cache, recorded for dpkg's status here. Status 1: none.
find_recording() {
    local each='' name="recording.${architecture}"
    [ -z "${no_replay}" ] || return 1
    set -- ''
    set +f
    for each in ${groups}; do set -- "$@" "${cache}/groups/${each}-${system}/${name}".*.deb; done
    set -f
    case "$*" in *"/${name}."[0-9a-f]*) ;; *) return 1 ;; esac # where there is none, no process is started
    hash_status
    for each in ${groups}; do
        recorded=groups/${each}-${system}/${name}.${status_hash}.deb recorded_group=${each}
        case "${replayed} " in *" ${each} "*) ;; *) [ ! -e "${cache}/${recorded}" ] || return 0 ;; esac
    done
    return 1
}

# hash_status: set `status_hash` to the SHA-256 of dpkg's status.
hash_status() { status_hash=$(sha256sum 2>/dev/null <"${DPKG_STATE}/status") status_hash=${status_hash%% *}; }

# refuse REASON: the recording is not used. Status 2.
refuse() {
    refusal=$1
    [ -z "${verbose}" ] || say "${recorded_group}: the recording${recorded_image:+ of ${recorded_image}} is not used: $1"
    return 2
}

# read_recording: unpack what a recording states into the folder `stated`, and read its facts. Status 2: it cannot be used. 31
read_recording() {
    recorded_image=
    check_file "${recorded}"
    hashes=
    state_hash "${recorded}"
    check_hashes 'its Release'
    find_tar || { refuse 'there is no GNU tar of version 1.28 or later here' || return; }
    [ -x "${PERL}" ] || [ -n "${root}" ] || { refuse "there is no ${PERL} here" || return; }
    stated=${work}/recording.${status_hash}
    [ -d "${stated}" ] || mkdir "${stated}" 2>/dev/null || no_work
    "${DPKG_DEB}" --ctrl-tarfile "${cache}/${recorded}" 2>/dev/null | "${TAR}" -C "${stated}" --no-same-owner -xf - 2>/dev/null ||
        damaged "${recorded} cannot be unpacked"
    for each in facts same state new debs exclude regenerate finish; do
        [ -f "${stated}/${each}" ] || damaged "${recorded} has no ${each}"
    done
    read_facts "${stated}/facts" && return
    [ -z "${too_new}" ] || { refuse "its format is ${too_new}, this installer reads ${RECORDING_FORMAT}" || return; }
    damaged "${recorded} has facts that make no sense"
}

# find_tar: set `TAR` to a GNU tar that has the options of unpacking. Status 1: there is none.
find_tar() {
    local version=''
    for TAR in /usr/bin/tar /bin/tar ''; do [ ! -x "${TAR}" ] || break; done
    version=$([ -z "${TAR}" ] || "${TAR}" --version 2>/dev/null)
    case ${version} in 'tar (GNU tar) '[1-9]*.[0-9]*) ;; *) return 1 ;; esac
    version=${version#'tar (GNU tar) '} version=${version%%[!0-9.]*}
    set -- "${version%%.*}" "${version#*.}"
    set -- "$1" "${2%%.*}"
    is_number "$1" && is_number "$2" && [ "$(($1 * 1000 + $2))" -ge 1028 ]
}

# read_facts FILE: set hashed_by, status_before, status_after, recorded_image, need_kib, files, planned, fresh, file_of, bytes, package_lines
# by it. Status 1: it makes no sense, or is of a later format, `too_new`.
read_facts() {
    local key='' value='' seen=''
    too_new='' hashed_by='sha256sum' status_before='' status_after='' need_kib=0
    files='' planned='' file_of=' ' size_of=' ' bytes=0 package_lines=''
    while read -r key value; do
        seen="${seen} ${key} "
        case ${key} in
            format)
                is_number "${value}" || return
                [ "${value}" -le "${RECORDING_FORMAT}" ] || { too_new=${value} && return 1; }
                ;;
            group) [ "${value}" = "${recorded_group}" ] || return ;;
            architecture) [ "${value}" = "${architecture}" ] || return ;;
            image) recorded_image=${value} ;;
            status-before) is_hash "${value}" && status_before=${value} || return ;;
            status-after) is_hash "${value}" && status_after=${value} || return ;;
            hashed-by) case ${value} in sha256sum | b2sum) hashed_by=${value} ;; *) return 1 ;; esac ;;
            installed-kib) is_number "${value}" && need_kib=${value} || return ;;
            package) read_package ${value} || return ;;
            end) ;;
            *) return 1 ;;
        esac
    done <"$1"
    case ${seen} in ' format '*' group '*' architecture '*' package '*' end ') ;; *) return 1 ;; esac
    [ -n "${recorded_image}" ] && [ "${status_before}" = "${status_hash}" ] && [ -n "${status_after}" ] && [ "${status_after}" != "${status_hash}" ]
}

# read_package HOW NAME VERSION ARCHITECTURE SIZE SHA256: add a package to what the recording brings. Status 1: it makes no sense.
read_package() {
    local name="${2-}"
    [ $# = 6 ] && is_number "$5" && is_hash "$6" && is_package "${name}:$4" || return
    case $1 in new | upgraded) ;; *) return 1 ;; esac
    case $4 in all | "${architecture}") ;; *) name=${name}:$4 ;; esac
    package_lines="${package_lines}package=$2 $3 $4 $5 $6${NEWLINE}"
    files="${files} $6" planned="${planned} ${name}" file_of="${file_of}${name}/$6 " size_of="${size_of}$6=$5 " bytes=$((bytes + $5))
}

# read_debs: set new_debs and other_debs, of as many bytes, to the pool files that are unpacked to /, and over_debs to those that
# are unpacked over what is here. 31
read_debs() {
    local kind='' hash='' size='' new_bytes=0 other_bytes=0
    new_debs='' other_debs='' over_debs=''
    while read -r kind hash; do
        case ${kind}:" ${files} " in
            new:*" ${hash} "*)
                size=${size_of#*" ${hash}="} size=${size%% *}
                if [ "${new_bytes}" -le "${other_bytes}" ]; then
                    new_debs="${new_debs} ${hash}" new_bytes=$((new_bytes + size))
                else
                    other_debs="${other_debs} ${hash}" other_bytes=$((other_bytes + size))
                fi
                ;;
            over:*" ${hash} "*) over_debs="${over_debs} ${hash}" ;;
            *) damaged "${recorded} unpacks a file that it does not name: ${hash}" ;;
        esac
    done <"${stated}/debs"
}

# check_state: compare what is here with what was recorded, without a change. Status 2: something differs, or cannot be asked. 31
check_state() {
    local found='' differing=''
    found=$("${PERL}" -e "${CHECK_STATE}" "${stated}" "${DPKG_STATE}" "${RUNS}" 2>&1)
    case $? in
        0) ;;
        1) refuse "${found}" || return ;;
        *) damaged "${recorded} makes no sense: ${found}" ;;
    esac
    hash_same 0 &
    hash_same 1
    found=$?
    wait "$!" && [ "${found}" = 0 ] && return
    for_lines find_differing "$(cat "${stated}/found.0" "${stated}/found.1")"
    refuse "${differing:-what it replaces} is not the file that was there when it was recorded"
}
hash_same() { [ ! -s "${stated}/same.$1" ] || (cd / && exec "${hashed_by}" -c "${stated}/same.$1") >"${stated}/found.$1" 2>/dev/null; }
find_differing() { case $1 in *': OK') ;; *) differing=${differing:-${1%: *}} ;; esac; }

# Says what differs (status 1), or what makes no sense (2): FOLDER-OF-LISTS DPKGS-FOLDER RUNS. A path is a plain file
# before it is hashed, for a pipe would be waited for. Renames must stay within one mount, and replace none.
# shellcheck disable=SC2016  # what perl expands
CHECK_STATE='
use strict;
my ($folder, $dpkg, $runs) = @ARGV;
sub differ { print "@_\n"; exit 1 }
sub malformed { print "@_\n"; exit 2 }
sub lines {
    open(my $file, "<", "$folder/$_[0]") or malformed("$_[0]: $!");
    my @lines = <$file>;
    for (@lines) { s/\n\z// or malformed("$_[0] is cut short") }
    return @lines;
}
sub path { my ($p) = @_; $p =~ m{\A/} && $p !~ m{//|/\z|/\.\.?(?:/|\z)} or malformed("the path $p"); return $p }
sub parent { my ($p) = @_; $p =~ s{/[^/]*\z}{}; return $p }
sub numbers { for (@_) { /\A[0-9]+\z/ or malformed("the number $_") } }
my (%new, %touched, @places, %real);
sub is_real {
    my ($p) = @_;
    return if $p eq "" or $real{$p}++ or exists $new{$p};
    is_real(parent($p));
    lstat($p) && -d _ or differ("$p is no folder");
}
my @new = map { path($_) } lines("new");
@new{@new} = @touched{@new} = ();
for my $p (@new) {
    next if exists $new{parent($p)};
    is_real(parent($p));
    differ("$p is there") if lstat($p);
}
my %fields = (own => 4, move => 1, gone => 1, mode => 4, time => 2);
my $last = "";
for (lines("finish")) {
    my ($do, @fields) = split(/\t/, $_, -1);
    my $p = path(pop @fields);
    @fields + 1 == ($fields{$do} || 0) or malformed($_);
    numbers(@fields);
    is_real(parent($p));
    $touched{$p} = 1 if $do eq "move" or $do eq "gone";
    $last = $p if $do eq "move";
    push @places, $do eq "mode" || $do eq "time" ? $p : parent($p);
}
$last eq "/var/lib/dpkg/status" or malformed("dpkg status is not what is renamed last");
open(my $table, "<", "/proc/self/mountinfo") or differ("/proc/self/mountinfo cannot be read");
my %mount;
while (<$table>) {
    my ($id, $at) = (split / /)[0, 4];
    $at =~ s/\\([0-7]{3})/chr(oct($1))/ge;
    $mount{$at} = $id;
    for (my $p = $at; $p =~ m{/.}; $p = parent($p)) { differ("$at is a mount") if exists $touched{$p} }
}
sub mount_of { my ($p) = @_; $p = parent($p) until $p eq "" or exists $mount{$p}; return $mount{$p || "/"} || 0 }
for (@places) { mount_of($_) == mount_of($runs) or differ("$_ is on another mount than $runs") }
opendir(my $journal, "$dpkg/updates") or differ("$dpkg/updates: $!");
for (readdir $journal) { /\A\.\.?\z/ or differ("$dpkg/updates is not empty") }
my %plain;
my %check = (
    a => sub { !lstat($_[0]) or differ("$_[0] is there") },
    l => sub { -l $_[1] && readlink($_[1]) eq $_[0] or differ("$_[1] is not a link to $_[0]") },
    f => sub {
        my ($mode, $uid, $gid, $size, $p) = @_;
        my @is = lstat($p);
        -f _ && ($is[2] & 07777) == oct($mode) && $is[4] == $uid && $is[5] == $gid && $is[7] == $size
            or differ("$p is not the file that was there when it was recorded");
        $plain{$p} = 1 + $size;
    },
    d => sub {
        my ($mode, $uid, $gid, $p) = @_;
        my @is = lstat($p);
        -d _ && ($is[2] & 07777) == oct($mode) && $is[4] == $uid && $is[5] == $gid
            or differ("$p is not the folder that was there when it was recorded");
    },
    n => sub {
        my ($names, $p) = @_;
        opendir(my $listed, $p) or differ("$p: $!");
        my @names = grep { !/\A\.\.?\z/ } readdir $listed;
        join("/", sort @names) eq $names or differ("$p does not list what it listed when it was recorded");
    },
);
my %count = (a => 1, l => 2, f => 5, d => 4, n => 2);
for (lines("state")) {
    my ($kind, @fields) = split(/\t/, $_, -1);
    @fields == ($count{$kind} || 0) or malformed($_);
    path($fields[-1]);
    numbers(@fields[0 .. $#fields - 1]) if $kind eq "f" or $kind eq "d";
    $check{$kind}->(@fields);
}
my (@part, @bytes);
for (lines("same")) {
    /\A(?:[0-9a-f]{64}|[0-9a-f]{128})  (.*)\z/s or malformed($_);
    my $size = $plain{$1} or malformed("$1 is hashed, but its state is not stated");
    my $less = ($bytes[0] || 0) > ($bytes[1] || 0);
    $bytes[$less] += $size;
    push @{$part[$less]}, "$_\n";
}
for (0, 1) { # for two processes, of as many bytes as the other
    open(my $half, ">", "$folder/same.$_") or differ("$folder: $!");
    print {$half} @{$part[$_] || []};
    close($half) or differ("$folder: $!");
}
for (lines("regenerate")) { my ($p, $command) = split(/\t/, $_, 2); path($p); length($command) or malformed($_) }
'
