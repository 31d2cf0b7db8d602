program='package-cache' # what every message begins with

# say TEXT..., complain TEXT...: print a line for the job's owner. A reader that is gone is no reason to stop.
say() { printf '%s: %s\n' "${program}" "$*" 2>/dev/null || :; }
complain() { printf '%s: %s\n' "${program}" "$*" >&2 2>/dev/null || :; }
