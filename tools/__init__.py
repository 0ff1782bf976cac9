"""Programs that run, build, test and document the project."""
