"""Date formats, for the project's only language."""
