"""Who must have signed a repository: its `key` (a file, the key itself, or its fingerprint) and its `fingerprint`.

key = "keys/tools.asc"                  beside the manifest
key = '''-----BEGIN PGP PUBLIC KEY BLOCK-----…'''
key = "0x0123…CDEF"                     40 digits: of a keyring that the machine or the user has
fingerprint = "0123…CDEF"               the same; beside a key: the one of it that must have signed
"""

import re
from collections.abc import Sequence

from package_cache.manifest.checks import Duplicates
from package_cache.manifest.model import TrustedKeys
from package_cache.manifest.referenced_files import ManifestFolder
from package_cache.manifest.toml_getters import Table
from package_cache.openpgp import PublicKey, read_public_keys, written_fingerprint

EXAMPLE = '"keys/tools.asc"'
HEX = re.compile(r"(?:0[xX])?[0-9A-Fa-f\s]{8,}", re.ASCII)
HOW_TO_WRITE = "write all 40 digits, as gpg --show-keys FILE shows them: a shorter one can be of anybody's key"


def trusted_keys(table: Table, folder: ManifestFolder) -> TrustedKeys | None:
    """Return who must have signed a repository; a `key` that is no file is a fingerprint, or a slip."""
    asked = _fingerprints(table)
    text = table.text("key", EXAMPLE, empty=True, lines=True)
    if text is None:
        return TrustedKeys(table.place("fingerprint"), fingerprints=asked) if asked else None
    place = table.place("key")
    if text.startswith("-----BEGIN"):
        return TrustedKeys(place, _chosen(table, text.encode(), asked))
    if "\n" in text or "\t" in text:
        table.wrong(["key"], "has several lines and is no OpenPGP key", f"write key = {EXAMPLE}, or the armoured key")
        return None
    if not table.problems.accepts((text, place), folder.check):
        return None
    path = folder.path / text
    content = folder.read(text, "keyring-bytes")
    if content is not None:
        return TrustedKeys(place, _chosen(table, content, asked, f"{path} "), file=path)
    fingerprint = written_fingerprint(text)
    if fingerprint is None and HEX.fullmatch(text):
        table.wrong(["key"], f"{text!r} is not the fingerprint of a key", HOW_TO_WRITE)
    elif fingerprint is None:
        table.wrong(["key"], f"there is no file {path}", "write the key's path as seen from the manifest's folder")
    elif asked:
        table.wrong(["fingerprint"], "the key is a fingerprint already", "leave one of the two out")
    return TrustedKeys(place, fingerprints=(fingerprint,)) if fingerprint else None


def _fingerprints(table: Table) -> tuple[str, ...]:
    """Return the field `fingerprint`: one, or a list, as while a key is being replaced by the next."""
    key, example = "fingerprint", '"0123456789ABCDEF0123456789ABCDEF01234567"'
    if isinstance(table.values.get(key), list):
        found = table.items(key, f"[{example}]")
    else:
        one = table.text(key, example)
        found = [(one, table.place(key))] if one else []
    duplicates = Duplicates(table.problems)
    fingerprints = []
    for text, place in found:
        if fingerprint := written_fingerprint(text):
            duplicates.check(fingerprint, place, f"fingerprint {fingerprint}")
            fingerprints.append(fingerprint)
        else:
            table.problems.add(place, f"{text!r} is not the fingerprint of a key", HOW_TO_WRITE)
    return tuple(fingerprints)


def _chosen(table: Table, content: bytes, asked: Sequence[str], where: str = "") -> tuple[PublicKey, ...]:
    """Read keys and return the only one, or those that were asked for."""
    try:
        keys = read_public_keys(content)
    except ValueError as error:
        message, _, hint = str(error).partition(": ")
        table.wrong(["key"], f"{where}{message}", hint)
        return ()
    names = "\n    ".join(str(key) for key in keys)
    if not asked and len(keys) > 1:
        hint = f'write fingerprint = "…", or a list, of those that sign this repository:\n    {names}'
        table.wrong(["key"], f"{where}holds {len(keys)} keys", hint)
    for fingerprint in asked:
        owner = next((key for key in keys if fingerprint in key.subkeys), None)
        if owner is not None:
            hint = f'write fingerprint = "{owner.fingerprint}"'
            table.wrong(["fingerprint"], f"{fingerprint} is a subkey of {owner.fingerprint}", hint)
        elif fingerprint not in {key.fingerprint for key in keys}:
            table.wrong(["fingerprint"], f"the key is not {fingerprint}", f"it is:\n    {names}")
    return tuple(key for key in keys if not asked or key.fingerprint in asked)
