"""This machine's architecture, and one whose programs it runs by emulation only."""

import subprocess

OWN = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
OTHER = "amd64" if OWN == "arm64" else "arm64"
