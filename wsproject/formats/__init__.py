"""How dates look, per language; the one of the project is enough."""
