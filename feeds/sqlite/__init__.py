"""Django's engine for SQLite, in which a promise goes before all other writes."""
