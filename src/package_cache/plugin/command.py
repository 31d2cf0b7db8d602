"""The text of the shell command that installs a group or runs its fallback.

Its design, each point measured in bash 4.3 to 5.2, dash 0.5.8 to 0.5.12 and busybox sh:

- It is one `{ ...; }`, so that it can stand after `if`, before `&&` and in `$(...)`; `$((` would begin arithmetic.
- Everything runs in a subshell: no `cd`, `exit`, trap, function or option reaches the caller.
- A fallback command is the quoted argument of `eval`, so its here-documents, comments and quotes end with it, and a
  syntax error, which ends dash, ends only the subshell.
- errexit is ignored in a condition and left of `&&` and `||` (POSIX, XCU, set -e), also in subshells. So statuses
  are checked after each command; and if a probe finds errexit ignored, the fallback runs from an EXIT trap, whose
  commands no longer belong to that condition.
- Each line is printed in a subshell: if its reader is gone, SIGPIPE ends only that, not everything with status 141.
- The installer prints why the cache did not serve the group, before our line.
- A calling program, such as the runtime's entry point, can name a file in PACKAGE_CACHE_REPORT; it gets one line for
  each group, so that no program has to parse messages.
- A killed installer (SIGKILL: 128 + 9) runs once more: it repairs the packages that it left half installed, on which
  a fallback would fail.
- In bash 4.3 errexit ends a subshell with status 1, whatever failed. An ERR trap ends it with the right status.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from package_cache.exit_codes import ExitStatus

_HEAD = """\
{ ( set +e; [ -z "${BASH_VERSION-}" ] || trap - ERR
package_cache_say() { ( printf 'package-cache: %%s: %%s\\n' %(group)s "$1" >&2 )
( [ -z "${PACKAGE_CACHE_REPORT-}" ] || printf '%%s %%s\\n' %(group)s "$2" >>"$PACKAGE_CACHE_REPORT" ) 2>/dev/null; }
"""

_INSTALL = """\
package_cache_install() { if [ -f %(installer)s ]; then /bin/sh %(installer)s --cache %(cache)s -- %(group)s </dev/null
else ( printf '%%s\\n' %(no_installer)s >&2 ); ( exit %(missing)d ); fi; package_cache_status=$?; }
for package_cache_try in 1 2; do package_cache_install; [ "$package_cache_status" -eq 137 ] || break; done
[ "$package_cache_status" -ne 0 ] || { package_cache_say 'served by the cache' 'by the cache'; exit 0; }
"""

_NO_GROUP = """\
( printf '%%s\\n' %(message)s >&2 ); package_cache_status=%(usage)d
"""

_MISS = """\
package_cache_say "not by the cache (status $package_cache_status)%s" "not by the cache: status $package_cache_status"
"""

_FALLBACK = """\
package_cache_check() { [ "$1" -eq 0 ] || exit "$1"; set -e; }
package_cache_fallback() { [ -z "${BASH_VERSION-}" ] || trap 'exit "$?"' ERR; set -e
%s; }
( set -e; false; : ); [ "$?" -eq 0 ] || { ( package_cache_fallback "$@" ); exit "$?"; }
trap 'set +e; ( package_cache_fallback "$@" ); exit "$?"' EXIT; exit 1 ); }"""

_NO_FALLBACK = 'exit "$package_cache_status" ); }'


def installing_command(group: str, installer: Path, cache: Path, fallback: Sequence[str]) -> str:
    """Return the command that runs `installer` for a group of `cache` (absolute paths), or else the fallback."""
    status = ExitStatus.CACHE_MISSING
    no_installer = f"no installer at {installer}: is the volume mounted?"
    install = _INSTALL % {
        "installer": shlex.quote(str(installer)),
        "cache": shlex.quote(str(cache)),
        "group": shlex.quote(group),
        "missing": status.code,
        "no_installer": shlex.quote(f"package-cache: cannot install {group} ({status.reason}): {no_installer}"),
    }
    return _command(install, group, fallback)


def missing_command(group: str, fallback: Sequence[str]) -> str:
    """Return the command for an invalid group name: it only runs the fallback."""
    status = ExitStatus.USAGE
    message = f"package-cache: cannot install {group!a} ({status.reason}): this is not a valid group name"
    return _command(_NO_GROUP % {"message": shlex.quote(message), "usage": status.code}, ascii(group), fallback)


def _command(install: str, group: str, fallback: Sequence[str]) -> str:
    what_next = ": running the fallback" if fallback else ", and there is no fallback"
    end = _FALLBACK % "\n".join(map(_step, fallback)) if fallback else _NO_FALLBACK
    return _HEAD % {"group": shlex.quote(group)} + install + _MISS % what_next + end


def _step(command: str) -> str:
    """Return the lines that run one fallback command. The newline ends a comment, `\\`, or here-document in it."""
    text = f" {command}" if command.startswith("-") else command  # bash's eval would parse it as an option
    return f'eval {shlex.quote(text + chr(10))}; package_cache_check "$?"'
