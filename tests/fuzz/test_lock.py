"""Whatever the text of a lock is, it is read or refused, fields named; what was read is written and read alike."""

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.counts import Tried
from tests.fuzz.documents import LOCK
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded, check_told
from tests.fuzz.strategies import HUGE, locks

from package_cache.errors import LockError
from package_cache.exit_codes import ExitStatus
from package_cache.lock.file import lock_text, read_lock
from package_cache.lock.model import Lock
from package_cache.names import GROUP_NAME, SHA256
from package_cache.releases.mirrors import uri_below

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(str.encode)


@fuzzed("lock")
@example(content=LOCK.encode())
@example(content=LOCK.replace("format = 1", f"format = {HUGE}").encode())
@example(content=LOCK.replace("163000\n", f"{HUGE}\n").encode())
@example(content=LOCK.replace('"file:/tools"', '"-oDir::Bin::methods::copy=/x"').encode())
@example(content=LOCK.replace('"file:/tools"', '"scheme://["').encode())
@example(content=b"a = " + b"[" * 100_000)
@example(content=b"a = " + b"9" * 5000)
@example(content=LOCK.replace("[[system]]", "[system]").encode())
@given(content=st.one_of(locks, locks, locks, texts))
def test_lock(tried: Tried, content: bytes) -> None:
    tried("lock")
    text = content.decode("utf-8", "replace")
    try:
        with bounded():
            lock = read_lock(text, file="package-cache.lock")
    except LockError as error:
        assert error.problems
        assert error.status is ExitStatus.BAD_LOCK
        check_told(error, "package-cache.lock")
    else:
        check_read(lock)


def check_read(lock: Lock) -> None:
    """Check that a lock that was read can be written, and that no name in it leads elsewhere."""
    written = lock_text(lock)
    written.encode()
    assert lock_text(read_lock(written, file="again")) == written
    for system in lock.systems:
        for group in system.groups:
            assert GROUP_NAME.fullmatch(group.name)
            assert group.requests  # a group that asks for nothing would be installed without anything
        for repository in system.repositories:
            assert not (repository.uri or "").startswith("-")
            uri_below(repository.uri or "file:/", "a")
        for package in system.packages:
            assert SHA256.fullmatch(package.sha256)
            assert 0 < package.size < 2**63
