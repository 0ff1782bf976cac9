#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("DJANGO_COLORS", "nocolor")  # Django does not know NO_COLOR
    try:
        from django.core.management import execute_from_command_line
        from django.db import Error

        from clientapp.output import OutputGone, guarded_output
    except ImportError:
        sys.exit("Django is not installed here; run: pip install -r requirements.txt")
    try:
        with guarded_output():
            execute_from_command_line(sys.argv)
    except OutputGone as gone:
        sys.exit(str(gone))
    except Error as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"the database failed: {error}; --traceback shows where")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # the exit code that shells use for Ctrl-C
