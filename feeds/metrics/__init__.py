"""Figures of all processes of this host, for Prometheus (decision 0025)."""
