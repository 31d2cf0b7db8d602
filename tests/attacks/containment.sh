# Attacks on a disposable root from inside: below each `### name` are lines of shell, whose status 0 means that the
# attack worked. Each is harmless if it works: own marker files, an own loop device, values written back unchanged.
# `call N, ...` makes a system call of x86_64 by its number in asm/unistd_64.h: 0 if anything but "forbidden" comes back
# (errno(3): EPERM, EACCES, ENOSYS, EAFNOSUPPORT). S makes a string that perl lets a call change.
call() { perl -e 'sub S { my $copy = shift; $copy } $zeros = "\0" x 256; open M, "<", "/proc/1/ns/mnt"; open U, "<", "/proc/1/ns/user"; $! = 0;
    $back = syscall('"$1"'); exit($back == -1 && grep({ $! == $_ } 1, 13, 38, 97) ? 1 : 0)'; }
clone() { perl -e '$back = syscall(56, '"$1"' | 17, 0, 0, 0, 0); exit($back == -1 ? 1 : 0)'; }
back() { read -r old <"$1" && echo "$old" >"$1"; }
capability() { grep "$1" "$2" | { read -r name set; [ $((0x$set & 0x200000)) != 0 ]; }; }
connect() { perl -e 'use Socket; socket(S, '"$1"', SOCK_STREAM, 0) && connect(S, '"$2"') or exit 1'; }

### remount the cache
mount -o remount,bind,rw /cache && echo attacked >/cache/installer
### remount the file
mount -o remount,bind,rw /one && echo attacked >/one
### remount the root with devices
mount -o remount,dev,suid /
### remount the settings of the kernel
mount -o remount,bind,rw /proc/sys
### unmount the cache
umount /cache
### unmount proc, lazily
umount -l /proc
### unmount a mask
umount -l /proc/keys
### mount proc
mount -t proc proc /mnt
### mount sysfs
mount -t sysfs sysfs /mnt
### mount devtmpfs
mount -t devtmpfs devtmpfs /mnt
### mount cgroup2
mount -t cgroup2 cgroup2 /mnt
### mount a cgroup of version 1
mount -t cgroup -o memory cgroup /mnt
### mount debugfs
mount -t debugfs debugfs /mnt
### mount tracefs
mount -t tracefs tracefs /mnt
### mount binfmt_misc
mount -t binfmt_misc binfmt_misc /mnt
### mount mqueue
mount -t mqueue mqueue /mnt
### mount tmpfs
mount -t tmpfs tmpfs /mnt
### mount overlay
mkdir -p /l /u /w && mount -t overlay -o lowerdir=/l,upperdir=/u,workdir=/w overlay /mnt
### bind the root
mount --bind / /mnt
### move the cache
mount --move /cache /mnt
### share the mounts
mount --make-rshared /
### a user namespace by unshare
unshare -Ur true
### a mount namespace by unshare
unshare -m true
### enter by nsenter
nsenter -t 1 -m -p true
### clear read-only by mount
call '165, 0, S("/cache"), 0, 4128, 0'
### clear read-only by mount_setattr
call '442, -100, S("/cache"), 0, S(pack("QQQQ", 0, 1, 0, 0)), 32'
### the 32 bit table of calls
call '0x40000000 | 165, 0, S("/cache"), 0, 4128, 0'
### move_mount
call '429, -100, S("/cache"), -100, S("/mnt"), 0'
### open_tree
call '428, -100, S("/"), 1'
### fsopen
call '430, S("tmpfs"), 0'
### pivot_root
call '155, S("."), S(".")'
### umount2
call '166, S("/proc/sys"), 2'

### read a loop device
mknod /block b ${LOOP%:*} ${LOOP#*:} && head -c 64 /block | grep -q "$MARK"
### make a block device
mknod /block2 b 7 0
### make the device of memory
mknod /memory c 1 1
### make a device in dev
mknod /dev/memory c 1 1
### make a device in shm
mknod /dev/shm/memory c 1 1
### mode of full
chmod 666 /dev/full
### mode of null
chmod 666 /dev/null
### times of null
touch -r /dev/null /dev/null
### owner of zero
chown --reference=/dev/zero /dev/zero
### devices of the machine
ls /dev | grep -E '^(sd|vd|nvme|loop|dm|mapper|mem|kmsg|fuse|kvm)'
### type into a terminal
perl -e 'open T, "+<", "/dev/tty" or exit 1; $key = "\n"; ioctl(T, 0x5412, $key) or exit 1'

### core_pattern
back /proc/sys/kernel/core_pattern
### modprobe
back /proc/sys/kernel/modprobe
### overcommit_memory
back /proc/sys/vm/overcommit_memory
### hostname by its setting
back /proc/sys/kernel/hostname
### settings of the network
back /proc/sys/net/ipv4/ip_forward
### interrupts
back /proc/irq/default_smp_affinity
### sysrq, opened only
: >>/proc/sysrq-trigger
### kcore
head -c 4 /proc/kcore | grep -q ELF
### keys
grep -q . /proc/keys
### timers
grep -q . /proc/timer_list
### addresses of the kernel
grep -v '^0* ' /proc/kallsyms
### slabs
grep -q . /proc/slabinfo
### physical addresses
perl -e 'open P, "<", "/proc/self/pagemap" or exit 1; open M, "<", "/proc/self/maps"; ($a) = <M> =~ /^(\w+)/;
sysseek P, hex($a) / 512, 0; sysread P, $x, 8; exit((unpack("Q", $x) & ((1 << 55) - 1)) ? 0 : 1)'
### protection from the lack of memory
echo -500 >/proc/self/oom_score_adj
### sysfs is there
ls /sys/*
### cgroups are there
grep cgroup /proc/mounts
### change the map of ids
echo '0 0 1' >/proc/self/uid_map
### change the map of ids of the first process
echo '0 0 1' >/proc/1/uid_map

### chroot and back
perl -e 'opendir D, "/"; mkdir "/jail"; chroot "/jail"; chdir D; chdir ".." for 1 .. 64; chroot ".";
exit(-e "$ENV{FOLDER}/marker" ? 0 : 1)'
### root of the first process
test -e "/proc/1/root$FOLDER/marker"
### open files of all
for link in /proc/[0-9]*/fd/* /proc/[0-9]*/cwd; do
    [ ! -e "$link/../../../../../../../..$FOLDER/marker" ] || exit 0
done
exit 1
### files handed on
ls /proc/self/fd | grep -vE '^[0-3]$'
### up and up
test -e "../../../../../../../..$FOLDER/marker"
### where the root was put together
ls /sys/kernel/*
### write to the runtime
(for try in 1 2 3 4 5 6 7 8 9; do for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe") in *runc*) (: >>"$exe") 2>/dev/null && exit 0 ;; esac
done; done; exit 1)
### secrets of the first process
tr '\0' '\n' </proc/1/environ | grep SECRET
### secrets of ours
env | grep SECRET

### see a process of the host
perl -e 'for (glob "/proc/[0-9]*/cmdline") { open F, "<", $_ or next; exit 0 if index(join("", <F>), $ENV{FOLDER}) >= 0 }
exit 1'
### signal a process of the host
[ ! -e "/proc/$HOST_PID" ] && kill -0 "$HOST_PID" # else it is one of ours with the same number
### signal a group of the host
[ ! -e "/proc/$HOST_PID" ] && perl -e 'exit(kill(0, -$ENV{HOST_PID}) ? 0 : 1)'
### trace the first process
call '101, 16, 1, 0, 0'
### trace ourselves
call '101, 0, 0, 0, 0'
### memory of another process
call '310, 1, 0, 0, 0, 0, 0'
### kcmp
call '312, $$, $$, 0, 0, 0'
### pidfd_getfd
call '438, 0, 0, 0'
### setns to the mounts
call '308, fileno(M), 0'
### setns to the ids
call '308, fileno(U), 0'
### unshare users
call '272, 0x10000000'
### unshare the network
call '272, 0x40000000'
### clone with users
clone 0x10000000
### clone with mounts
clone 0x20000
### clone with users and mounts
clone 0x10020000
### clone with processes
clone 0x20000000
### clone with a network
clone 0x40000000
### clone with IPC
clone 0x08000000
### clone with a host name
clone 0x04000000
### clone with cgroups
clone 0x02000000
### clone3 with users
call '435, S(pack("Q8", 0x10000000, 0, 0, 0, 17, 0, 0, 0)), 64'

### loopback of the host
connect PF_INET 'pack_sockaddr_in($ENV{PORT}, inet_aton("127.0.0.1"))'
### an abstract socket of the host
connect PF_UNIX 'pack_sockaddr_un("\0$ENV{MARK}")'
### a socket of the host by its path
connect PF_UNIX 'pack_sockaddr_un("$ENV{FOLDER}/socket")'
### an interface
tail -n +3 /proc/net/dev | grep -v '^ *lo:'
### a route
tail -n +2 /proc/net/route | grep .
### socket of packets
call '41, 17, 3, 0'
### socket of raw packets
call '41, 2, 3, 1'
### socket to the hypervisor
call '41, 40, 1, 0'
### socket to the kernel's ciphers
call '41, 38, 5, 0'

### add_key
call '248, S("user"), S("x"), S("y"), 1, -3'
### keyctl
call '250, 0, -3, 1'
### bpf
call '321, 0, $zeros, 72'
### perf_event_open
call '298, S(pack("IIQx112", 1, 128, 0)), 0, -1, -1, 0'
### io_uring_setup
call '425, 4, $zeros'
### userfaultfd
call '323, 1'
### fanotify_init
call '300, 0, 0'
### name_to_handle_at
call '303, -100, S("/etc"), $zeros, $zeros, 0'
### open_by_handle_at
call '304, 3, S(pack("IiQ", 8, 1, 2)), 0'
### init_module
call '175, 0, 0, $zeros'
### kexec_load
call '246, 0, 0, 0, 1'
### messages of the kernel
call '103, 3, $zeros, 64'
### iopl
call '172, 3'
### sethostname
call '170, S("localhost"), 9'
### quotactl
call '179, 0x800007, 0, 0, 0'
### move_pages
call '279, 0, 0, 0, 0, 0, 0'

### a setuid program
cp /usr/bin/id /tmp/id && chmod 4755 /tmp/id
perl -e '$) = $( = 1000; $> = $< = 1000; exit(`/tmp/id -u` == 0 ? 0 : 1)'
### a setgid program
cp /usr/bin/id /tmp/idg && chmod 2755 /tmp/idg
perl -e '$) = $( = 1000; $> = $< = 1000; exit(`/tmp/idg -g` == 0 ? 0 : 1)'
### a capability of a file
cp /bin/grep /tmp/grep
perl -e '($f, $n, $v) = ("/tmp/grep", "security.capability", pack("V5", 0x2000001, 0x200000, 0, 0, 0)); syscall(188, $f, $n, $v, 20, 0)'
/tmp/grep CapEff /proc/self/status >/tmp/capability && capability . /tmp/capability
### the capability to mount
capability CapBnd /proc/self/status
### the capability to mount, of the first process
capability CapPrm /proc/1/status
### raise an ambient capability
call '157, 47, 2, 21, 0, 0'
### no filter
grep -qE '^Seccomp:.*[01]$' /proc/self/status
### new privileges
grep -qE '^NoNewPrivs:.*0$' /proc/self/status
### root is root
[ "$(stat -c %u /proc/sys/kernel/core_pattern)" = 0 ]

### open more files
ulimit -Hn 100000
### run more processes
perl -e '$limit = pack("QQ", 1 << 20, 1 << 20); exit(syscall(302, 0, 6, $limit, 0) == -1 ? 1 : 0)'
### dump core
ulimit -Hc unlimited
### lock memory
ulimit -Hl unlimited
### run in real time
chrt -f 50 true
### run before others
nice -n -5 true 2>&1 | grep -q 'cannot set' && exit 1 || exit 0
### 5 GiB of memory
perl -e '$x = "x"; $x x= 5 * 2**30; exit 0'
### 128 MiB in shm
head -c 134217728 /dev/zero >/dev/shm/fill && rm /dev/shm/fill
### 1 MiB in dev
head -c 1048576 /dev/zero >/dev/fill && rm /dev/fill
### 1,000 files in dev
mkdir /dev/many && for number in $(seq 1000); do : >/dev/many/$number || exit 1; done
### fill the disk
head -c 400000000 /dev/zero >/fill
status=$?
rm -f /fill
exit $status
### fill the table of files
mkdir /many && perl -e 'for (1 .. 60000) { open F, ">", "/many/$_" or exit 1 }'
status=$?
rm -rf /many
exit $status

### write to the cache
echo attacked >/cache/installer
### add to the cache
echo attacked >/cache/new
### remove from the cache
rm -f /cache/installer
### rename in the cache
mv /cache/installer /cache/other
### a mode in the cache
chmod 4755 /cache/installer
### an owner in the cache
chown 1 /cache/installer
### times in the cache
touch -r /cache/installer /cache/installer
### link a file of the cache
ln /cache/installer /hard
### link in the cache
ln /cache/installer /cache/hard
### an attribute in the cache
perl -e '($f, $n, $v) = ("/cache/installer", "user.attacked", "y"); exit(syscall(188, $f, $n, $v, 1, 0) == -1 ? 1 : 0)'
### open it again for writing
exec 5</cache/installer && echo attacked >/proc/self/fd/5
### map it for writing
perl -e 'open F, "<", "/cache/installer"; exit(syscall(9, 0, 4096, 3, 1, fileno(F), 0) == -1 ? 1 : 0)'
### flags of a file of the cache
perl -e 'open F, "<", "/cache/installer"; $flags = pack("Q", 0x80); exit(ioctl(F, 0x40086602, $flags) ? 0 : 1)'
### a device in the cache
mknod /cache/device c 1 3
### write to the file
echo attacked >/one
### replace the file
cp /one /two && mv -f /two /one
### remove the file
rm -f /one
### swap the folder of the cache
mv /cache /away

### fork without end
perl -e 'while ($n < 3000) { $p = fork; last if !defined $p; if (!$p) { sleep 60; exit } push @p, $p; $n++ }
kill 9, @p; exit($n > 600 ? 0 : 1)'
### fork as many users
perl -e 'for $user (1 .. 30) { last if !defined($p = fork); if (!$p) { $> = $< = 2000 + $user;
while ($n < 400) { last if !defined($q = fork); if (!$q) { sleep 60; exit } push @q, $q; $n++ } sleep 3; kill 9, @q; exit }
push @p, $p } sleep 2; $many = () = glob "/proc/[0-9]*"; wait for @p; exit($many > 1200 ? 0 : 1)'
