"""The truth over HTTP: which feeds there are, and what was sent."""
