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
- The installer lies on a volume that others may write to. Its text is read once, hashed, and run from a pipe: what runs
  is what was hashed. Functions of a bash that are named like tools are forgotten there, and tracing (set -x), which
  would show all of the text, is off.
- A killed installer (SIGKILL: 128 + 9) runs once more: it repairs the packages that it left half installed, on which
  a fallback would fail.
- In bash 4.3 errexit ends a subshell with status 1, whatever failed. An ERR trap ends it with the right status.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.expectations import Expectation
from package_cache.exit_codes import ExitStatus
from package_cache.names import GROUP_NAME

_HEAD = """\
{ ( set +e; [ -z "${BASH_VERSION-}" ] || trap - ERR
package_cache_say() { ( printf 'package-cache: %%s: %%s\\n' %(group)s "$1" >&2 )
( [ -z "${PACKAGE_CACHE_REPORT-}" ] || printf '%%s %%s\\n' %(group)s "$2" >>"$PACKAGE_CACHE_REPORT" ) 2>/dev/null; }
"""

_INSTALL = """\
package_cache_install() { ( set +x; PATH=/usr/sbin:/usr/bin:/sbin:/bin IFS='
'; [ -z "${BASH_VERSION-}" ] || unset -f $(compgen -A function) 2>/dev/null
[ -f %(installer)s ] || { printf '%%s\\n' %(no_installer)s >&2; exit %(missing)d; }
package_cache_program=$(command cat -- %(installer)s)
[ "$(printf '%%s\\n' "$package_cache_program" | command sha256sum)" = '%(sha256)s  -' ] ||
{ printf '%%s\\n' %(other_installer)s >&2; exit %(not_trusted)d; }
printf '%%s\\n' "$package_cache_program" | /bin/sh -s -- --cache %(cache)s%(expected)s -- %(group)s )
package_cache_status=$?; }
for package_cache_try in 1 2; do package_cache_install; [ "$package_cache_status" -eq 137 ] || break; done
[ "$package_cache_status" -ne 0 ] || { package_cache_say 'served by the cache' 'by the cache'; exit 0; }
"""

_NOT_STAGED = """\
( printf '%%s\\n' %(message)s >&2 ); package_cache_status=%(status)d
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


@dataclass(frozen=True)
class Staged:
    """What the init container has put on the volume, and how the job's container recognizes it."""

    installer: Path
    """Its absolute path."""
    installer_digest: str
    """SHA-256 of its bytes, which end with one line end."""
    cache: Path
    """The absolute path of the cache."""
    expected: tuple[Expectation, ...]


def installing_command(group: str, staged: Staged, fallback: Sequence[str]) -> str:
    """Return the command that installs a group by what was staged, or else runs the fallback."""
    missing, other = ExitStatus.CACHE_MISSING, ExitStatus.NOT_TRUSTED
    install = _INSTALL % {
        "installer": shlex.quote(str(staged.installer)),
        "sha256": staged.installer_digest,
        "cache": shlex.quote(str(staged.cache)),
        "expected": "".join(f" --expect {shlex.quote(str(item))}" for item in staged.expected),
        "group": shlex.quote(group),
        "missing": missing.code,
        "no_installer": _quoted(group, missing, f"no installer at {staged.installer}: is the volume mounted?"),
        "not_trusted": other.code,
        "other_installer": _quoted(group, other, f"{staged.installer} is not the file that was staged (SHA-256)"),
    }
    return _command(install, group, fallback)


def missing_command(group: str, status: ExitStatus, cause: str, fallback: Sequence[str]) -> str:
    """Return the command for a group that was not staged, because of `cause`: it only runs the fallback."""
    facts = {"message": _quoted(group, status, cause), "status": status.code}
    return _command(_NOT_STAGED % facts, _shown(group), fallback)


def _quoted(group: str, status: ExitStatus, cause: str) -> str:
    """Return a message as a word for the shell."""
    return shlex.quote(f"package-cache: cannot install {_shown(group)} ({status.reason}): {cause}")


def _shown(group: str) -> str:
    """Return a name as messages have it, escaped where it is none."""
    return group if GROUP_NAME.fullmatch(group) else ascii(group)


def _command(install: str, group: str, fallback: Sequence[str]) -> str:
    what_next = ": running the fallback" if fallback else ", and there is no fallback"
    end = _FALLBACK % "\n".join(map(_step, fallback)) if fallback else _NO_FALLBACK
    return _HEAD % {"group": shlex.quote(group)} + install + _MISS % what_next + end


def _step(command: str) -> str:
    """Return the lines that run one fallback command. The newline ends a comment, `\\`, or here-document in it."""
    text = f" {command}" if command.startswith("-") else command  # bash's eval would parse it as an option
    return f'eval {shlex.quote(text + chr(10))}; package_cache_check "$?"'
