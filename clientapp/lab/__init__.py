"""Load and statistics; a client that only collects needs none of it."""
