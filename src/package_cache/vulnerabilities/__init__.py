"""What distributions state about vulnerabilities of their packages, in files that the user names: no network."""
