"""A bill of materials as SPDX 2.3 JSON, by its reference library (extra `sbom`)."""

import io
import re
from collections.abc import Callable

from packageurl import PackageURL
from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.package import ExternalPackageRef, ExternalPackageRefCategory, Package
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.validation.uri_validators import validate_download_location, validate_url
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from package_cache.sbom.facts import Bill, BilledPackage

DOCUMENT = "SPDXRef-DOCUMENT"


def spdx_text(bill: Bill) -> str:
    """Return the document; the same bill gives the same text."""
    packages = [_package(item) for item in bill.packages]
    info = CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id=DOCUMENT,
        name=bill.name,
        document_namespace=f"urn:uuid:{bill.identity}",
        creators=[Actor(ActorType.TOOL, bill.built_by.replace(" ", "-"))],
        created=bill.created.replace(tzinfo=None),
    )
    described = [Relationship(DOCUMENT, RelationshipType.DESCRIBES, package.spdx_id) for package in packages]
    stream = io.StringIO()
    write_document_to_stream(Document(info, packages, relationships=described), stream, validate=False)
    return stream.getvalue().rstrip("\n") + "\n"


def _package(item: BilledPackage) -> Package:
    namespace, qualifiers = item.purl_parts
    purl = PackageURL("deb", namespace, item.name, item.version, qualifiers).to_string()
    licences = ", ".join(item.licences)
    # Letters, digits, `.` and `-` (SPDX 2.3, 7.2); the hash makes it unique.
    identifier = f"{item.system}-{item.name}-{item.version}-{item.architecture}-{item.sha256[:12]}"
    facts = [
        f"source package: {item.source} {item.source_version}",
        f"SHA-256 of the archive's file: {item.original_sha256}",
        *([f"path in the archive: {item.path}"] if item.path else []),
        *([f"from: {item.uri}"] if item.uri else []),
        f"groups: {' '.join(item.groups)}",
        *([f"companion, for older containers, of: {' '.join(item.companion_of)}"] if item.companion_of else []),
    ]
    return Package(
        spdx_id="SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", identifier),
        name=item.name,
        version=item.version,
        file_name=f"./pool/{item.sha256}.deb",
        download_location=item.uri if _fits(item.uri, validate_download_location) else SpdxNoAssertion(),
        supplier=_supplier(item.maintainer),
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, item.sha256)],
        homepage=item.homepage if _fits(item.homepage, validate_url) else SpdxNoAssertion(),
        source_info="; ".join(facts),
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        license_comment=f"debian/copyright names: {licences}" if licences else None,
        copyright_text=SpdxNoAssertion(),
        external_references=[ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", purl)],
    )


def _fits(uri: str, validate: Callable[[str], list[str]]) -> bool:
    """Return whether the format accepts a URI: it refuses hosts without a dot, such as those of a local network."""
    return bool(uri) and not validate(uri)


def _supplier(maintainer: str) -> Actor | SpdxNoAssertion:
    if not maintainer.strip(" ()<>"):  # no name: the format puts the address in parentheses behind it
        return SpdxNoAssertion()
    match = re.fullmatch(r"(.*?)\s*<([^<>]+)>", maintainer)
    name, address = (match[1] or match[2], match[2]) if match else (maintainer, None)
    return Actor(ActorType.ORGANIZATION, name, address)
