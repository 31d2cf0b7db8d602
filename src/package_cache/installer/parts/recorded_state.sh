# The state of a container: whether everything is as it was where an installation was recorded.

# check_state: compare what is here with what was recorded, without a change. Status 2: something differs, or cannot be asked. 31
check_state() {
    local found='' hasher='' bad='' differing=''
    start_hashing "${hashed_by}" / "${stated}/same" # one that waits for a pipe is ended below: a pipe is no plain file
    found=$("${PERL}" -e "${CHECK_STATE}" "${stated}" "${DPKG_STATE}" "${RUNS}" 2>&1)
    case $? in
        0) ;;
        1) end_hashers && refuse "${found}" || return ;;
        *) end_hashers && damaged "${recorded} makes no sense: ${found}" ;;
    esac
    for hasher in ${hashers}; do wait "${hasher}" || bad=yes; done
    hashers=
    [ -n "${bad}" ] || return 0
    for_lines find_differing "$(cat "${stated}/same.found" "${stated}/same.aa.found" "${stated}/same.ab.found" 2>/dev/null)"
    refuse "${differing:-what it replaces} is not the file that was there when it was recorded"
}
end_hashers() {
    [ -z "${hashers}" ] || { kill ${hashers} && wait ${hashers}; } 2>/dev/null
    hashers=
}

find_differing() { case $1 in *': OK') ;; *) differing=${differing:-${1%: *}} ;; esac; }

# Says what differs (status 1), or what makes no sense (2): FOLDER-OF-LISTS DPKGS-FOLDER RUNS. What is hashed is a plain file,
# of the recorded size. Renames must stay within one mount, and replace none.
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
        $plain{$p} = 1;
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
for (lines("same")) {
    /\A(?:[0-9a-f]{64}|[0-9a-f]{128})  (.*)\z/s or malformed($_);
    $plain{$1} or malformed("$1 is hashed, but its state is not stated");
}
for (lines("regenerate")) { my ($p, $command) = split(/\t/, $_, 2); path($p); length($command) or malformed($_) }
'
