"""Load and statistics, which a client does not need to collect."""
