"""
Statistics of many blocks, as pure functions over measured data.

Needs numpy and scipy (``requirements-analysis.txt``). Code that collects or
verifies does not import this package, so a client runs without them.
"""
