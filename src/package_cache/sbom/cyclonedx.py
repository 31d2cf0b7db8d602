"""A bill of materials as CycloneDX 1.6 JSON, by its reference library (extra `sbom`)."""

from collections.abc import Mapping

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.impact_analysis import (
    ImpactAnalysisAffectedStatus,
    ImpactAnalysisResponse,
    ImpactAnalysisState,
)
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.model.vulnerability import (
    BomTarget,
    BomTargetVersionRange,
    Vulnerability,
    VulnerabilityAnalysis,
    VulnerabilityRating,
    VulnerabilityScoreSource,
    VulnerabilitySeverity,
    VulnerabilitySource,
)
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from package_cache.sbom.facts import URI, Bill, BilledPackage, BilledVulnerability
from package_cache.system import System


def cyclonedx_text(bill: Bill) -> str:
    """Return the document; the same bill gives the same text."""
    whole = Component(name=bill.name, type=ComponentType.DATA, bom_ref=f"cache-{bill.identity}")
    metadata = BomMetaData(
        component=whole,
        timestamp=bill.created,
        properties=[
            Property(name="package-cache:built-by", value=bill.built_by),
            *(Property(name="package-cache:vulnerability-data", value=file) for file in bill.vulnerability_files),
            *(Property(name="package-cache:no-vulnerability-data", value=name) for name in bill.without_data),
        ],
    )
    components = [_component(item) for item in bill.packages]
    seen: set[str] = set()
    for item, component in zip(bill.packages, components, strict=True):  # two files may have one package URL
        if str(component.purl) in seen:
            component.bom_ref.value = f"{component.purl}#{item.sha256}"
        seen.add(str(component.purl))
    references = dict(zip(bill.packages, (str(component.bom_ref.value) for component in components), strict=True))
    vulnerabilities = [_vulnerability(item, references) for item in bill.vulnerabilities]
    bom = Bom(components=components, serial_number=bill.identity, metadata=metadata, vulnerabilities=vulnerabilities)
    bom.register_dependency(whole, list(bom.components))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


_SEVERITIES = {
    item.value: item
    for item in (
        VulnerabilitySeverity.LOW,
        VulnerabilitySeverity.MEDIUM,
        VulnerabilitySeverity.HIGH,
        VulnerabilitySeverity.CRITICAL,
    )
}
"""Words of Debian and Ubuntu that mean the same there; others, such as `not yet assigned`, are no rating."""


def _vulnerability(item: BilledVulnerability, references: Mapping[BilledPackage, str]) -> Vulnerability:
    """Return what the distribution states. `exploitable` is the format's word for a version that is affected."""
    fix, severity = item.fix, _SEVERITIES.get(item.fix.severity)
    source = VulnerabilitySource(name=System.parse(item.system).distribution.capitalize())
    version = item.packages[0].source_version
    return Vulnerability(
        bom_ref=f"{fix.vulnerability}/{item.system}/{item.source}/{version}/{fix.fixed}",
        id=fix.vulnerability,
        source=source,
        ratings=[VulnerabilityRating(source=source, severity=severity, method=VulnerabilityScoreSource.OTHER)]
        if severity
        else [],
        analysis=VulnerabilityAnalysis(
            state=ImpactAnalysisState.EXPLOITABLE,
            responses=[ImpactAnalysisResponse.UPDATE],
            detail=f"{item.system}: {item.source} {version} has it, {fix.fixed} is the first version without.",
        ),
        recommendation=f"Update the packages built from {item.source} to {fix.fixed} or a later version.",
        affects=[
            BomTarget(
                ref=references[package],
                versions=[BomTargetVersionRange(version=package.version, status=ImpactAnalysisAffectedStatus.AFFECTED)],
            )
            for package in item.packages
        ],
    )


def _component(item: BilledPackage) -> Component:
    namespace, qualifiers = item.purl_parts
    purl = PackageURL("deb", namespace, item.name, item.version, qualifiers)
    facts = {
        "original-sha256": item.original_sha256,
        "source": item.source,
        "source-version": item.source_version,
        "path": item.path,
    }
    properties = [Property(name=f"package-cache:{name}", value=value) for name, value in facts.items() if value]
    references = []
    if URI.fullmatch(item.uri):
        original = HashType(alg=HashAlgorithm.SHA_256, content=item.original_sha256)
        references.append(
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(item.uri), hashes=[original])
        )
    if item.homepage:
        references.append(ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(item.homepage)))
    return Component(
        name=item.name,
        version=item.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        supplier=OrganizationalEntity(name=item.maintainer) if item.maintainer else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=item.sha256)],
        licenses=[DisjunctiveLicense(name=name) for name in item.licences or ("NOASSERTION",)],
        external_references=references,
        properties=[
            *properties,
            *(Property(name="package-cache:group", value=group) for group in item.groups),
            *(Property(name="package-cache:companion-of", value=group) for group in item.companion_of),
        ],
    )
