"""Dates and times as logs write them, to the second."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d\u00a0H:i:s"
"""With a space that no table breaks."""
