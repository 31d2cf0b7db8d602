"""Compares ways of installing a group of packages, in throw-away roots: `./run bench`, explained in docs/benchmarks.md.

groups, ways                                    what is compared
material, mirror, debs                          what the ways install from: made once for each system, then kept
roots, archive, server, link, cacher            where they run, and what is around them
measure, rounds, concurrency                    running them
machine, results, figures, targets              what came of it
markdown, tables, plots, report                 how it is shown
names, __main__                                 the command line

Each by itself, as `python -m bench.<name>`, in the environment that `./run bench` makes:

growth, synthetic                               how what a user waits for grows with a cache
building                                        the phases of lock and build
downloading                                     our downloads and those of plain downloaders
compressing                                     what each compression costs and brings
scale                                           what clusters ask of a registry, by a formula
systems                                         each common group installed in each system
"""
