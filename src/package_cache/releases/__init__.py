"""The apts that answer for a system: sources with their mirrors and keys, pins, and roots in which precommands ran."""
