"""A bill of materials as CycloneDX 1.6 JSON, by its reference library (extra `sbom`)."""

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from package_cache.sbom.facts import URI, Bill, BilledPackage


def cyclonedx_text(bill: Bill) -> str:
    """Return the document; the same bill gives the same text."""
    whole = Component(name=bill.name, type=ComponentType.DATA, bom_ref=f"cache-{bill.identity}")
    metadata = BomMetaData(
        component=whole,
        timestamp=bill.created,
        properties=[Property(name="package-cache:built-by", value=bill.built_by)],
    )
    components = [_component(item) for item in bill.packages]
    seen: set[str] = set()
    for item, component in zip(bill.packages, components, strict=True):  # two files may have one package URL
        if str(component.purl) in seen:
            component.bom_ref.value = f"{component.purl}#{item.sha256}"
        seen.add(str(component.purl))
    bom = Bom(components=components, serial_number=bill.identity, metadata=metadata)
    bom.register_dependency(whole, list(bom.components))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


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
