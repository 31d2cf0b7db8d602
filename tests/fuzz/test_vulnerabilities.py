"""Whatever the bytes of a file of vulnerability data are, it is read, or refused with its name and a reason."""

import io
import json
import tarfile
from pathlib import Path

from hypothesis import strategies as st
from tests.fuzz.documents import of_json, of_text
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import read_or_refused

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.names import VERSION, SourcePackage
from package_cache.vulnerabilities.data_files import read_vulnerabilities
from package_cache.vulnerabilities.model import CVE

RELEASE = {"status": "resolved", "repositories": {"bookworm": "1"}, "fixed_version": "1.2", "urgency": "low"}
TRACKER = {"tool": {"CVE-2024-1000": {"description": "a", "releases": {"bookworm": RELEASE, "sid": RELEASE}}}}
EVENTS = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}
AFFECTED = {"package": {"ecosystem": "Ubuntu:18.04:LTS", "name": "tool"}, "ranges": [EVENTS], "versions": ["1.0"]}
RECORD = {
    "id": "UBUNTU-CVE-2024-1000", "severity": [{"type": "Ubuntu", "score": "high"}], "affected": [AFFECTED, AFFECTED],
}  # fmt: skip
DOCUMENTS = st.one_of(of_json(TRACKER), of_json(RECORD), of_text(json.dumps(TRACKER)), of_text(json.dumps(RECORD)))


def archived(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("0.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@fuzzed(
    "vulnerability data",
    json.dumps(TRACKER).encode(),
    json.dumps(RECORD).encode(),
    archived(json.dumps(RECORD).encode()),
    content=st.one_of(DOCUMENTS, DOCUMENTS.map(archived)),
)
def test_vulnerability_data(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data"
    file.write_bytes(content)
    wanted = {"debian12": {"tool"}, "ubuntu18.04": {"tool"}}
    found = read_or_refused(
        lambda: read_vulnerabilities([file], wanted), PackageCacheError, str(file), ExitStatus.USAGE
    )
    if isinstance(found, PackageCacheError):
        return
    assert found.systems <= {*wanted}
    for system in wanted:
        for fix in found.of(system, SourcePackage("tool", "0")):
            assert CVE.fullmatch(fix.vulnerability)
            assert VERSION.fullmatch(fix.fixed)
