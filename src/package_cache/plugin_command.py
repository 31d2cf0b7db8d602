"""The shell command that installs a group or runs its fallback: its text, and nothing else.

What shaped it, each point measured in bash 4.3 to 5.2, dash 0.5.8 to 0.5.12 and busybox sh:

- It is one `{ ...; }`, so that it can stand after `if`, before `&&` and in `$(...)`; `$((` would begin arithmetic.
- All happens in a subshell: no `cd`, `exit`, trap, function or option of ours or of a fallback reaches the caller.
- A fallback command is the quoted argument of `eval`: it keeps its here-documents, comments and quotes to itself, and
  a syntax error in it, which ends dash, ends only the subshell.
- errexit is ignored in a condition and left of `&&` and `||` (POSIX, XCU, set -e), also in subshells. So statuses
  are looked at after each command; and where a probe finds errexit ignored, the fallback runs from an EXIT
  trap, whose commands no longer belong to that condition.
- A line of ours is printed in a subshell: where its reader went away, SIGPIPE ends that, not the whole with status 141.
- A program around, such as the runtime's entry point, learns who served from the file PACKAGE_CACHE_REPORT, where it
  has named one: a line for each group, so that it need not parse what is for people.
- An installer that was killed (SIGKILL: 128 + 9) runs once more: it puts in order what it left half done, with which a
  fallback could not begin.
- bash 4.3 ends a subshell by errexit with status 1, whatever failed. An ERR trap ends it with the right one.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from package_cache.values.statuses import ExitStatus

_FALLBACK = """\
package_cache_check() { [ "$1" -eq 0 ] || exit "$1"; }
package_cache_fallback() {
if [ -n "${BASH_VERSION-}" ]; then trap 'exit "$?"' ERR; fi
%s
}
( set -e; false; : )
if [ "$?" -eq 0 ]; then
trap 'set +e; ( package_cache_fallback "$@" ); exit "$?"' EXIT
exit 1
fi
( package_cache_fallback "$@" )
exit "$?"
"""

_INSTALL = """\
if [ -f %(installer)s ]; then
for package_cache_try in 1 2; do
/bin/sh %(installer)s --cache %(cache)s -- %(group)s </dev/null
package_cache_status=$?
[ "$package_cache_status" -eq 137 ] || break
done
case $package_cache_status in %(reasons)s (137) package_cache_why=killed ;; (*) package_cache_why=unknown ;; esac
else
package_cache_status=%(missing)d
package_cache_why=%(no_installer)s
fi
if [ "$package_cache_status" -eq 0 ]; then
( printf '%%s\\n' %(served)s >&2 ) || :
if [ -n "${PACKAGE_CACHE_REPORT-}" ]; then
( printf '%%s by the cache\\n' %(group)s >>"$PACKAGE_CACHE_REPORT" ) 2>/dev/null || :
fi
exit 0
fi
"""

_MISS = """\
( printf '%%s (status %%s, %%s)%%s\\n' %s "$package_cache_status" "$package_cache_why" %s >&2 ) || :
if [ -n "${PACKAGE_CACHE_REPORT-}" ]; then
( printf '%%s not by the cache: status %%s\\n' %s "$package_cache_status" >>"$PACKAGE_CACHE_REPORT" ) 2>/dev/null || :
fi
"""


def installing_command(group: str, installer: Path, cache: Path, fallback: Sequence[str]) -> str:
    """Give the command that runs `installer` on a group of `cache` (absolute paths), then, at a miss, the fallback."""
    reasons = " ".join(f"({status.code}) package_cache_why={status.reason} ;;" for status in ExitStatus)
    install = _INSTALL % {
        "installer": shlex.quote(str(installer)),
        "cache": shlex.quote(str(cache)),
        "group": shlex.quote(group),
        "reasons": reasons,
        "missing": ExitStatus.CACHE_MISSING.code,
        "no_installer": shlex.quote(f"no installer at {installer}: is the volume mounted?"),
        "served": shlex.quote(f"package-cache: {group}: served by the cache"),
    }
    return _command(install, group, fallback)


def missing_command(group: str, fallback: Sequence[str]) -> str:
    """Give the command for what is not a group's name: it runs the fallback and nothing else."""
    status = ExitStatus.USAGE.code
    why = f"package_cache_status={status}\npackage_cache_why='not the name of a group'\n"
    return _command(why, ascii(group), fallback)


def _command(install: str, group: str, fallback: Sequence[str]) -> str:
    what_next = ": running the fallback" if fallback else ", and there is no fallback"
    texts = (f"package-cache: {group}: not by the cache", what_next, group)
    miss = _MISS % tuple(map(shlex.quote, texts))
    end = _FALLBACK % "\n".join(map(_step, fallback)) if fallback else 'exit "$package_cache_status"\n'
    quiet = 'set +e\nif [ -n "${BASH_VERSION-}" ]; then trap - ERR; fi\n'
    return f"{{ (\n{quiet}{install}{miss}{end}); }}"


def _step(command: str) -> str:
    """Give the lines that run one fallback command. The newline ends a comment, `\\`, or here-document in it."""
    text = f" {command}" if command.startswith("-") else command  # bash's eval would take it for an option
    return f'set -e; eval {shlex.quote(text + chr(10))}\npackage_cache_check "$?"'
