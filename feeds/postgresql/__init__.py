"""Django's engine for PostgreSQL, with limits on every wait."""
