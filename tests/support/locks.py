"""Another process that has one of dpkg's locks."""

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

NEW_WORDS = """mv /usr/bin/dpkg /usr/bin/dpkg.real; cat >/usr/bin/dpkg <<'END'
#!/bin/sh
case $* in
    *{option}*)
        if mkdir /var/locked 2>/dev/null; then
            echo 'dpkg: error: dpkg frontend lock was locked by /usr/bin/perl process with pid 43' >&2
            exit 2
        fi ;;
esac
exec /usr/bin/dpkg.real "$@"
END
chmod 755 /usr/bin/dpkg
"""
"""Lines of shell that let dpkg say, once, that another process has its lock: in the words of 1.22 and newer."""
