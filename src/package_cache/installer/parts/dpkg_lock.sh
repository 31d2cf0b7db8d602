# The lock of dpkg and apt, taken by a process of ours where no dpkg runs that would take it.

# lock_dpkg: keep dpkg, apt and debconf out, by a process that ends with the last one that has descriptor 9. Status 1: another process has
# them locked; 2: that cannot be done, by `refusal`.
lock_dpkg() {
    refusal=
    [ -p "${work}/locked" ] || mkfifo -m 600 "${work}/lock" "${work}/locked" 2>/dev/null || no_work
    exec 9<>"${work}/lock"
    ${session} "${PERL}" -e "${LOCK}" "${work}/lock" ${LOCKS} 2>/dev/null 9>&- >"${work}/locked" &
    locker=$!
    read -r refusal <"${work}/locked"
    case ${refusal} in
        locked) refusal='' && return 0 ;;
        busy) refusal='' && unlock_dpkg ;;
        *) refusal=${refusal:-perl cannot lock dpkg} && unlock_dpkg && return 2 ;;
    esac
    find_holder || holder='another process has dpkg locked'
    be_patient || locked_too_long
    return 1
}
unlock_dpkg() {
    [ -n "${locker}" ] || return 0
    exec 9>&-
    kill -KILL "${locker}" 2>/dev/null
    wait "${locker}" 2>/dev/null
    locker=
}

# shellcheck disable=SC2016  # what perl expands
LOCK='
use strict;
use Fcntl qw(:DEFAULT :flock);
my ($alive, @files) = @ARGV;
$SIG{$_} = "IGNORE" for qw(INT TERM HUP);
sub answer { $| = 1; print "@_\n"; close STDOUT }
sub refuse { answer(@_); exit 1 }
sysopen(my $wait, $alive, O_RDONLY | O_NONBLOCK) or refuse("$alive: $!");
length(pack("p", "")) == 8 or refuse("perl here is not of 64 bits");
my @open;
for my $path (@files) {
    my $is_of_dpkg = $path =~ m{^/var/lib/dpkg/};
    next unless $is_of_dpkg or -f $path; # debconf locks its databases themselves
    sysopen(my $file, $path, $is_of_dpkg ? O_RDWR | O_CREAT : O_RDONLY, 0640) or refuse("$path: $!");
    my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
    ($is_of_dpkg ? fcntl($file, F_SETLK, $lock) : flock($file, LOCK_EX | LOCK_NB)) or refuse("busy");
    push @open, $file;
}
answer("locked");
my $mask = "";
vec($mask, fileno($wait), 1) = 1;
select($mask, undef, undef, undef);
'
