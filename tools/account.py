"""
The account ``admin`` of `tools.run`: created on first use, then left unchanged.

It runs as a separate process, like every part of `tools.run` that needs Django.
"""

from __future__ import annotations

import argparse
import os
import sys

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command

from tools.run import OTHER_PASSWORD

NAME = "admin"
EMAIL = "admin@example.com"


def main() -> int:
    """
    Create the account with the password in ``DJANGO_SUPERUSER_PASSWORD``.

    Return 0 if it now has this password, `OTHER_PASSWORD` if it existed before
    and has another one. Errors of Django are raised.
    """
    argparse.ArgumentParser(
        prog="python -m tools.account",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    django.setup()
    account = get_user_model().objects.filter(username=NAME).first()
    if account is None:
        call_command("createsuperuser", interactive=False, username=NAME, email=EMAIL)
        return 0
    return 0 if account.check_password(os.environ["DJANGO_SUPERUSER_PASSWORD"]) else OTHER_PASSWORD


if __name__ == "__main__":
    sys.exit(main())
