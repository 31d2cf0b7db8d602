"""Another process that has a lock, taken as dpkg (fcntl) or as debconf and flock(1) do (flock)."""

PROGRAM = r"""
cat >/root/hold.pl <<'END'
use Fcntl qw(:DEFAULT :flock);
my ($kind, $seconds, @files) = @ARGV;
my @open;
for my $path (@files) {
    my $file;
    if ($kind eq "flock") {
        open($file, "<", $path) or die "$path: $!";
        flock($file, LOCK_EX | LOCK_NB) or die "$path: $!";
    } else {
        open($file, "+>>", $path) or die "$path: $!";
        my $lock = pack("s s x4 l! l! i x4", $kind eq "read" ? F_RDLCK : F_WRLCK, 0, 0, 0, 0);
        fcntl($file, F_SETLK, $lock) or die "$path: $!";
    }
    push @open, $file;
}
open(my $mark, ">", "/root/busy");
for (1 .. 10 * $seconds) { last if -e "/root/go"; select(undef, undef, undef, 0.1) }
END
"""
"""Lines of shell that write the program which takes locks: KIND SECONDS FILE..., where KIND is fcntl, read or flock."""

FREE = "touch /root/go; sleep 0.5"
"""The line that ends the process of `held`."""


def held(files: str, seconds: int = 600, kind: str = "fcntl") -> str:
    """Return lines by which a process locks files, relative to dpkg's folder, for `seconds` or until `FREE`."""
    return f"""{PROGRAM}rm -f /root/busy
(cd /var/lib/dpkg; exec perl /root/hold.pl {kind} {seconds} {files}) </dev/null >/dev/null 2>&1 &
until [ -e /root/busy ]; do sleep 0.05; done
"""
