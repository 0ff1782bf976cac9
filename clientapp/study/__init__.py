"""
Studies: measured blocks read, or made by a sweep, and written as a report.

Needs ``requirements-analysis.txt``; only the command `analyse` imports it.
"""
