"""Compares ways of installing a group of packages, in throw-away roots: `./run bench`, explained in docs/benchmarks.md.

groups, ways                                    what is compared
material, mirror, debs                          what the ways install from: made once for each system, then kept
roots, archive, server, link, cacher            where they run, and what is around them
measure, rounds, concurrency                    running them
machine, results, figures, targets              what came of it
markdown, tables, plots, report                 how it is shown
names, __main__                                 the command line
"""
