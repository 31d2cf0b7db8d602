# Exit statuses: one table for all programs (docs/exit-statuses.md).
STATUSES=' installed=0 internal=1 usage=2 no-such-group=10 not-for-system=11 not-for-architecture=12 no-plan=13
 not-root=20 no-dpkg=21 dpkg-broken=22 cache-missing=30 cache-damaged=31 cache-too-new=32 not-trusted=33 dpkg-locked=40 no-space=41
 read-only=42 install-failed=50 interrupted=130 '

# status_of REASON: set `status` to its number.
status_of() {
    status=${STATUSES#*" $1="}
    status=${status%%[!0-9]*} status=${status:-1}
}
