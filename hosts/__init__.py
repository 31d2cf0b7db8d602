"""The hosts that the README names, and how the project does on each: `./run hosts --help`."""
