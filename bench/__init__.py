"""Compares ways of installing a group of packages, in throw-away roots: `./run bench`, explained in docs/benchmarks.md.

groups, ways            what is compared
material, mirror, debs  what the ways install from: made once for each system, then kept
roots, server, link, cacher, measure, rounds, concurrency     running them
machine, results, figures                                     what came of it
tables, plots, report                                         and how it is shown
"""
