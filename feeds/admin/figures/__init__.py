"""Figures of the admin: dashboard, history, charts and analysis."""
