"""
Studies: measured blocks read, or made by a sweep, and written as a report.

Needs ``requirements-analysis.txt``, all but its options; only the command
`analyse` imports the rest.
"""
