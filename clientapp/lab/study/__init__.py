"""
Studies, which read measured blocks or produce them by a sweep, and write a report.

All modules except `options` need ``requirements-analysis.txt``; only the command
`analyse` imports them.
"""
