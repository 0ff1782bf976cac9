"""A package, so that its fixtures end when pytest leaves the directory."""
