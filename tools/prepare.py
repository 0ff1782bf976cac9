"""
The preparation of a folder for data: the tables, and the account ``admin``.

It runs as a separate process, like every part of `tools.run` that needs Django.
"""

from __future__ import annotations

import argparse
import os
import sys

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import Error

from tools.installation import OTHER_PASSWORD

NAME = "admin"
EMAIL = "admin@example.com"


def main() -> int:
    """
    Migrate, and create the account with the password in ``DJANGO_SUPERUSER_PASSWORD``.

    Without that variable there is no account. Return 0 if the account now has this password,
    `OTHER_PASSWORD` if it existed before and has another one. Other errors of Django are raised.
    """
    argparse.ArgumentParser(
        prog="python -m tools.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    django.setup()
    try:
        call_command("migrate", verbosity=0)
    except Error as error:
        sys.exit(f"the database failed: {error}")
    password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    if password is None:
        return 0
    account = get_user_model().objects.filter(username=NAME).first()
    if account is None:
        call_command("createsuperuser", interactive=False, username=NAME, email=EMAIL)
        return 0
    return 0 if account.check_password(password) else OTHER_PASSWORD


if __name__ == "__main__":
    sys.exit(main())
