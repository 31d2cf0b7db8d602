"""Another process that has a lock which dpkg or debconf needs."""

HOLD = r"""
cat >/root/hold.pl <<'END'
use Fcntl;
open(my $file, "+>>", shift) or die;
my $lock = pack("s s x4 l! l! i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die;
open(my $mark, ">", "/root/busy");
for (1 .. 10 * shift) { last if -e "/root/go"; select(undef, undef, undef, 0.1) }
END
"""
"""Lines of shell that write the program which takes a lock as dpkg does: by fcntl(2)."""

LOCK = """(cd /var/lib/dpkg; exec perl /root/hold.pl {lock} {seconds}) </dev/null >/dev/null 2>&1 &
until [ -e /root/busy ]; do sleep 0.05; done"""
"""The line that takes `lock` for `seconds`, or until /root/go is there."""

HOLD_DEBCONF = """
flock /var/cache/debconf/config.dat sh -c 'touch /root/busy; exec sleep {seconds}' </dev/null >/dev/null 2>&1 &
until [ -e /root/busy ]; do sleep 0.05; done
"""
"""Lines of shell that keep debconf's database locked as debconf does: by flock(2)."""
