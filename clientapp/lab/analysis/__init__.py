"""
What many blocks say together: pure statistics over what was measured.

Needs numpy and scipy (``requirements-analysis.txt``). Nothing that collects
or verifies imports this package, so that a client runs without them.
"""
