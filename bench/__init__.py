"""Compare methods of installing a group of packages, in disposable roots: `./run bench` (docs/benchmarks.md).

methods                             what is compared
material, mirror                    what the methods install from: made once for each system, then kept
archive, server, link               what is around the roots in which they run
measure, concurrency                running them
machine, results                    the results
markdown, tables, replay_tables, report  how it is shown
__main__                            the command line

Each by itself, as `python -m bench.<name>`, in the environment that `./run bench` makes:

compressing                         what each compression costs and brings
recordings, tree_comparison         recordings of each common group in each system, compared with real installations
scale                               what clusters ask of a registry, by a formula
systems                             each common group installed in each system
"""
