"""The block log: its format, the file, and its checks."""
