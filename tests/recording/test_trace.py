"""What a trace of strace says of what was read: lines that it wrote of real programs, and odd ones by hand."""

import os
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from package_cache.process import run
from package_cache.recording.trace import OPTIONS, Dependence, Trace, dependence, read_trace
from package_cache.recording.tree import UNKNOWN, Entry, Kind, Tree


class Watched:
    """A trace, without its parts."""

    def __init__(self, trace: Trace) -> None:
        self.writers, self.unclear = trace.writers, trace.unclear
        self.read = {item for part in trace.parts for item in part.read}
        self.seen = {item for part in trace.parts for item in part.seen}
        self.listed = {path for part in trace.parts for path in part.listed}
        self.executed = {path for part in trace.parts for path in part.executed}


Traced = Callable[..., Watched]

WRITES = '100 mkdir("/srv", 0777) = 0'
START = '100 execve("/bin/sh", ["sh", "/installer"], 0x55 /* 3 vars */) = 0'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a file in it, by its path without links."""
    place = tmp_path.resolve()
    (place / "in").mkdir()
    (place / "in/file").write_text("content\n")
    return place


@pytest.fixture
def traced(place: Path) -> Traced:
    """Run a script in a folder, watched by strace; return what it looked at there."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")

    def of_script(text: str, *uncounted: str) -> Watched:
        script, out = place / "script", place / "trace"
        script.write_text(f"{textwrap.dedent(text)}\nexit 0\n")
        run(["strace", *OPTIONS, f"--output={out}", "sh", str(script)], cwd=place, timeout=60)
        with out.open("rb") as lines:
            return Watched(read_trace(lines, str(script), uncounted))

    return of_script


def trace_of(*lines: str, uncounted: tuple[str, ...] = ()) -> Trace:
    """Return the trace of an installer of which strace wrote these lines."""
    return read_trace((f"{line}\n".encode() for line in (START, *lines)), "/installer", uncounted)


def by_hand(*lines: str, uncounted: tuple[str, ...] = ()) -> Watched:
    """Return the same, without its parts."""
    return Watched(trace_of(*lines, uncounted=uncounted))


def paths(found: set[tuple[str, bool]]) -> set[str]:
    return {os.path.normpath(path) for path, _ in found}


def test_what_a_script_reads_looks_for_and_lists(traced: Traced, place: Path) -> None:
    trace = traced("""
        read -r line < in/file
        [ -e in/absent ] || ls in > /dev/null
        echo new > in/new
        [ -x "$0" ]
    """)
    assert str(place / "in/file") in paths(trace.read)
    assert paths(trace.seen) >= {str(place / "in/absent"), str(place / "in/new")}
    assert str(place / "in/new") not in paths(trace.read)
    assert str(place / "in") in trace.listed
    assert str(place / "script") in paths(trace.read)
    assert trace.writers[str(place / "in/new")] == "dpkg itself"
    assert trace.unclear == ""


def test_nothing_counts_before_the_installer(place: Path) -> None:
    lines = [b'99 openat(AT_FDCWD</>, "/early", O_RDONLY) = 3</early>\n', START.encode() + b"\n"]
    lines.append(b'98 openat(AT_FDCWD</>, "/beside", O_RDONLY) = 3</beside>\n')
    trace = Watched(read_trace(lines, "/installer"))
    assert paths(trace.read) == {"/bin/sh"}


def test_relative_paths_of_children_that_go_elsewhere(traced: Traced, place: Path) -> None:
    (place / "in/deep").mkdir()
    (place / "in/deep/one").touch()
    trace = traced("""
        (cd in/deep && : < one; cd ../; : < file)
        perl -e 'chdir "in/deep"; -e "nothing"; stat("../lacking")'
        perl -e 'opendir(my $d, "in"); chdir($d);
            if (fork) { wait; -e "own" } else { -e "of-child"; chdir "deep"; -e "deeper" }'
        [ -e top ]
    """)
    assert paths(trace.read) >= {str(place / "in/deep/one"), str(place / "in/file")}
    wanted = ("in/deep/nothing", "in/lacking", "in/of-child", "in/deep/deeper", "in/own", "top")
    assert paths(trace.seen) >= {str(place / name) for name in wanted}
    assert str(place / "in/deep/own") not in paths(trace.seen)


def test_other_ways_to_a_file_are_read_by_where_they_lead(traced: Traced, place: Path) -> None:
    (place / "in/hidden").symlink_to("file")
    trace = traced("""
        cat "/proc/self/cwd/in/file" > /dev/null
        ln -s in new
        perl -e 'open(my $f, "<", "new/hidden"); open(my $g, "<", "/proc/self/fd/" . fileno($f))'
        rm new
        perl -e 'open(my $f, "<", "/proc/self/root" . $ENV{PWD} . "/in/second")'
    """)
    assert str(place / "in/file") in paths(trace.read)
    (place / "in/second").touch()
    trace = traced("""perl -e 'open(my $f, "<", "/proc/self/root" . $ENV{PWD} . "/in/second")'""")
    assert str(place / "in/second") in paths(trace.read)


def test_names_of_all_kinds(traced: Traced, place: Path) -> None:
    names = [
        b"a\nb",
        b'quo"te',
        b"back\\slash",
        b"a) = -1 EPERM (x)",
        b"non\xffutf8",
        b"<x> O_WRONLY",
        b"x> <y",
        b"\x01 \x7f",
    ]
    for name in names:
        Path(os.fsdecode(bytes(place) + b"/in/" + name)).touch()
    trace = traced('cd in && for name in *; do : < "$name"; done')
    wanted = {os.fsdecode(bytes(place) + b"/in/" + name) for name in names}
    assert wanted <= {path for path, _ in trace.read}


def test_a_path_as_long_as_can_be(traced: Traced, place: Path) -> None:
    name = "a" * 250
    deep = "/".join([name] * 15)
    (place / deep).mkdir(parents=True)
    trace = traced(f"[ -e {deep}/x ]; cat {deep}/{'b' * 200} {deep}/{'c' * 300}; true")
    assert {str(place / deep / "x"), str(place / deep / ("b" * 200))} <= paths(trace.seen)


def test_links_and_how_they_are_looked_at(traced: Traced, place: Path) -> None:
    (place / "in/link").symlink_to("file")
    trace = traced("readlink in/link; : < in/link; [ -L in/link ]")
    link = str(place / "in/link")
    assert {follow for path, follow in trace.seen if os.path.normpath(path) == link} == {False}
    assert {(path, follow) for path, follow in trace.read if os.path.normpath(path) == link} == {(link, True)}


def test_what_certain_programs_read_does_not_count(traced: Traced, place: Path) -> None:
    (place / "scan").write_text("#!/bin/sh\n: < in/file\nreadlink in/absent\nexit 0\n")
    (place / "scan").chmod(0o755)
    trace = traced("./scan; cat in/other || :", "scan")
    assert str(place / "in/file") not in paths(trace.read)
    assert paths(trace.read) & {str(place / "scan")}
    assert str(place / "in/other") in paths(trace.seen)
    assert any(path.endswith("/readlink") for path in paths(trace.read)), "it is another program"
    assert str(place / "in/absent") in paths(trace.seen)
    assert str(place / "in/file") in paths(traced("./scan -p", "scan").read), "what it prints, another one reads"


@pytest.mark.parametrize(
    ("line", "writer"),
    [
        ('["/var/lib/dpkg/info/a-tool.postinst", "configure", ""]', "the postinst of a-tool"),
        ('["/bin/perl", "/usr/share/debconf/frontend", "/var/lib/dpkg/info/b:amd64.config"]', "the config of b:amd64"),
        ('["/usr/bin/dpkg", "--unpack", "x"]', "dpkg itself"),
    ],
)  # fmt: skip
def test_whose_script_wrote_a_path(line: str, writer: str) -> None:
    trace = by_hand(
        f'100 execve("/x", {line}, 0x1 /* 3 vars */) = 0',
        "100 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 7 /* 101 in strace's PID NS */",
        '101 execve("/bin/mv", ["mv", "a", "b"], 0x1 /* 3 vars */) = 0',
        '101 renameat2(AT_FDCWD</>, "/etc/x.new", AT_FDCWD</>, "/etc/x", RENAME_NOREPLACE) = 0',
        '101 openat(AT_FDCWD</>, "/etc/y", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</etc/y>',
        '101 mkdirat(AT_FDCWD</>, "/etc/z", 0777) = -1 EEXIST (File exists)',
    )
    assert trace.writers == {"/etc/x": writer, "/etc/y": writer}


def test_lines_that_others_interrupt() -> None:
    trace = by_hand(
        '100 openat(AT_FDCWD</>, "/one", O_RDONLY <unfinished ...>',
        "100 <... openat resumed>)             = 3</one>",
        "100 clone(child_stack=NULL, flags=CLONE_VM|CLONE_VFORK|SIGCHLD <unfinished ...>",
        '101 execve("/bin/two", ["two"], 0x1 /* 3 vars */) = 0',
        '101 readlink("/three",  <unfinished ...>',
        '101 <... readlink resumed>"target", 4096) = 6',
        "101 +++ exited with 0 +++",
        "100 <... clone resumed>)              = 9 /* 101 in strace's PID NS */",
        '101 openat(AT_FDCWD</>, "/strange", O_RDONLY) = 3</strange>',
        "no line of strace",
        "100 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=9 /* 101 in strace's PID NS */} ---",
    )
    assert paths(trace.read) == {"/bin/sh", "/one", "/bin/two"}
    assert paths(trace.seen) == {"/three"}


def test_a_number_that_is_used_again_is_another_process() -> None:
    lines = [
        '100 chdir("/srv") = 0',
        "100 fork() = 101",
        '101 execve("/sbin/ldconfig", ["ldconfig"], 0x1 /* 3 vars */) = 0',
        '101 chdir("/lib") = 0',
        '101 open("quiet", O_RDONLY) = 3</lib/quiet>',
        "101 +++ killed by SIGKILL +++",
        "100 fork() = 101",
        '101 open("loud", O_RDONLY) = 3</srv/loud>',
        '101 stat("lacking", 0x1) = -1 ENOENT (No such file or directory)',
    ]
    trace = by_hand(*lines, uncounted=("ldconfig",))
    assert paths(trace.read) == {"/bin/sh", "/sbin/ldconfig", "/srv/loud"}
    assert paths(trace.seen) == {"/srv", "/srv/lacking"}


def test_threads_share_a_folder_and_one_of_them_runs_a_program() -> None:
    trace = by_hand(
        "100 clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD) = 101",
        '101 chdir("/srv") = 0',
        '100 stat("one", 0x1) = -1 ENOENT (No such file or directory)',
        '101 execve("/bin/tool", ["tool"], 0x7ff /* 38 vars */ <pid changed to 100 ...>',
        "100 +++ superseded by execve in pid 101 +++",
        "100 <... execve resumed>)             = -1 (errno 18446744073709551595)",
        '100 open("two", O_RDONLY) = 3</srv/two>',
    )
    assert paths(trace.read) == {"/bin/sh", "/bin/tool", "/srv/two"}
    assert trace.executed == {"/bin/sh", "/bin/tool"}
    assert "/srv/one" in paths(trace.seen)


def test_files_that_are_gone_when_they_are_named() -> None:
    trace = by_hand(
        '100 openat(AT_FDCWD</>, "/proc/self/fd/3", O_RDONLY) = 4</srv/gone>(deleted)',
        '100 openat(8</srv/dd>(deleted), "q", O_RDONLY) = -1 ENOENT (No such file or directory)',
        "100 getdents64(9</srv/dd>(deleted), 0x55, 32768) = -1 ENOENT (No such file or directory)",
    )
    assert "/srv/gone" in paths(trace.read)
    assert "/srv/dd/q" in paths(trace.seen)
    assert trace.listed == {"/srv/dd"}


def test_a_process_that_cannot_be_watched() -> None:
    unclear = by_hand("100 clone(child_stack=NULL, flags=CLONE_UNTRACED|SIGCHLD) = 101").unclear
    assert unclear == "dpkg itself started a process that cannot be watched"
    assert by_hand("100 clone(child_stack=NULL, flags=SIGCHLD) = 101").unclear == ""


def test_another_root_cannot_be_followed() -> None:
    assert by_hand('100 chroot("/") = 0').unclear == ""
    assert by_hand('100 chroot("/srv") = -1 EPERM (Operation not permitted)').unclear == ""
    assert by_hand('100 chroot("/srv") = 0').unclear == "dpkg itself changed its root to ['/srv']"


# What of this a recording depends on.


def file(content: str = "x", interpreter: str = UNKNOWN) -> Entry:
    return Entry(Kind.FILE, 0o755, 0, 0, 0, 1, content, interpreter=interpreter)


def link(target: str) -> Entry:
    return Entry(Kind.LINK, 0o777, 0, 0, 0, content=target)


FOLDER = Entry(Kind.FOLDER, 0o755, 0, 0, 0)
BASE: Tree = {
    **dict.fromkeys(("/", "/bin", "/usr", "/usr/bin", "/lib", "/etc", "/etc/a.d", "/tmp", "/var"), FOLDER),
    "/usr/bin/env": file(interpreter="/lib/ld.so"), "/lib/ld.so": link("ld-2.so"), "/lib/ld-2.so": file(interpreter=""),
    "/bin/sh": link("dash"), "/bin/dash": file(interpreter="/lib/ld.so"), "/bin/perl": file(interpreter="/lib/ld.so"),
    "/etc/a.d/one": file(), "/etc/passwd": file(), "/bin/loop": link("loop"), "/bin/data": file(),
}  # fmt: skip


def needs(*lines: str, after: Tree | None = None, ignored: tuple[str, ...] = ("/tmp",)) -> Dependence:
    return dependence(trace_of(WRITES, *lines), BASE, {**BASE, **(after or {})}, lambda path: path.startswith(ignored))


def test_what_the_kernel_starts_is_read_too() -> None:
    found = needs()
    assert found.read == {"/bin/dash", "/lib/ld-2.so"}
    assert found.seen == {"/bin/sh", "/lib/ld.so"}


def test_the_interpreters_of_scripts_that_come() -> None:
    script = {"/srv/script": file(interpreter="/usr/bin/tool"), "/usr/bin/tool": file(interpreter="/bin/perl")}
    found = needs('100 execve("/srv/script", ["/srv/script"], 0x1 /* 3 vars */) = 0', after=script)
    assert "/bin/perl" in found.read
    of_dpkg = {"/var/lib/dpkg/info/new.prerm": file(interpreter="/bin/perl")}
    assert "/bin/perl" in needs(after=of_dpkg).read
    lacking = {"/var/lib/dpkg/info/new.prerm": file(interpreter="/bin/python")}
    assert "/bin" not in needs(after=lacking).read


@pytest.mark.parametrize("path", ["/bin/data", "/srv/gone"])
def test_programs_of_which_nobody_knows_what_starts_them(path: str) -> None:
    trace = trace_of(WRITES, f'100 execve("{path}", ["x"], 0x1 /* 3 vars */) = 0')
    dependence(trace, BASE, BASE, lambda _: False)
    assert trace.unclear == f"nobody can say what program the kernel started with {path}"


def test_new_scripts_of_dpkg_are_elsewhere_afterwards() -> None:
    trace = trace_of(WRITES, '100 execve("/var/lib/dpkg/tmp.ci/preinst", ["x", "install"], 0x1 /* 3 vars */) = 0')
    dependence(trace, BASE, BASE, lambda _: False)
    assert trace.unclear == ""


def test_a_program_by_a_link_that_the_installation_made() -> None:
    alternatives = {
        "/usr/bin/pager": link("/etc/alternatives/pager"), "/etc/alternatives": FOLDER,
        "/etc/alternatives/pager": link("/bin/perl"),
    }  # fmt: skip
    found = needs('100 execve("/usr/bin/pager", ["pager"], 0x1 /* 3 vars */) = 0', after=alternatives)
    assert "/bin/perl" in found.read
    assert "/usr/bin/pager" in found.absent


def test_what_only_looked_does_not_count() -> None:
    fork = "100 clone(child_stack=NULL, flags=SIGCHLD) = 101"
    look = '101 openat(AT_FDCWD</>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>'
    temporary = '101 openat(AT_FDCWD</>, "/tmp/x", O_WRONLY|O_CREAT, 0600) = 3</tmp/x>'
    assert "/etc/passwd" not in needs(fork, look, temporary).read
    program = '101 execve("/bin/perl", ["perl"], 0x1 /* 3 vars */) = 0'
    assert "/bin/perl" in needs(fork, program, look, temporary).read, "it could change things unseen"
    for line in (
        '101 mkdir("/etc/new", 0777) = 0',
        "101 kill(100, SIGSTOP) = 0",
        '101 openat(AT_FDCWD</>, "/proc/100/mem", O_RDWR) = 3</proc/100/mem>',
        "101 fchmod(3</etc/passwd>, 0600) = 0",
    ):
        assert "/etc/passwd" in needs(fork, look, line, ignored=("/tmp", "/proc")).read, line
    assert "/etc/passwd" not in needs(fork, look, '101 mkdir("/etc/new", 0777) = -1 EEXIST (File exists)').read


def test_of_what_is_absent_the_topmost() -> None:
    found = needs(
        '100 stat("/usr/share/a/b", 0x1) = -1 ENOENT (No such file or directory)',
        '100 stat("/etc/a.d/two", 0x1) = -1 ENOENT (No such file or directory)',
        '100 stat("/bin/loop/x", 0x1) = -1 ELOOP (Too many levels of symbolic links)',
        '100 stat("/usr/bin/x.dpkg-new", 0x1) = -1 ENOENT (No such file or directory)',
        '100 getdents64(3</etc/a.d>, 0x1 /* 3 entries */, 32768) = 80',
        '100 getdents64(3</etc>, 0x1 /* 3 entries */, 32768) = 80',
        '100 getdents64(3</>, 0x1 /* 3 entries */, 32768) = 80',
        '100 getdents64(3</tmp>, 0x1 /* 3 entries */, 32768) = 80',
        '100 openat(AT_FDCWD</>, "/tmp/secret", O_RDONLY) = -1 ENOENT (No such file or directory)',
    )  # fmt: skip
    assert found.absent == {"/srv", "/usr/share"}
    assert found.listed == {"/etc/a.d"}
