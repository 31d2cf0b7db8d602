"""Images and containers: read without being run, unpacked as roots, written, and copied to where they go."""
