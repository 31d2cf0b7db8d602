"""What apt passes on of sqv, which this machine may not have: words that a Debian 13 printed, with another host."""

from package_cache.outside.apt.trust import is_untrusted, stays_untrusted, why_untrusted

SHA1 = """\
W: OpenPGP signature verification failed: file:/archive xenial InRelease: Sub-process /usr/bin/sqv returned an error \
code (1), error message is: Missing key 40976EAF437D05B5, which is needed to verify signature. Signing key on \
790BC7277767219C42C86F933B4FE6ACC0B21F32 is not bound:            No binding signature at time 2016-04-21T23:25:09Z   \
because: Policy rejected non-revocation signature (PositiveCertification) requiring second pre-image resistance   \
because: SHA1 is not considered secure since 2026-02-01T00:00:00Z
E: The repository 'file:/archive xenial InRelease' is not signed.
"""


def test_a_key_that_is_bound_by_sha1() -> None:
    assert is_untrusted(SHA1)
    assert stays_untrusted(SHA1)
    assert why_untrusted(SHA1) == (
        "it is signed with the key 790BC7277767219C42C86F933B4FE6ACC0B21F32, whose own signature has SHA-1, which this "
        "machine's apt takes no longer",
        "prepare it on a system whose apt verifies with gpgv, such as Debian 12 or Ubuntu 24.04; or name a policy that "
        "takes SHA-1 longer in SEQUOIA_CRYPTO_POLICY: a changed copy of /usr/share/apt/default-sequoia.config",
    )
