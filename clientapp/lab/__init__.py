"""Load and statistics: a client that collects needs none of it."""
