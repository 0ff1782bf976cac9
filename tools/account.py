"""
The account ``admin`` of `tools.run`: made at first use, then left as it is.

A process of its own, as everything of `tools.run` that needs Django.
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
    Make the account with the password in ``DJANGO_SUPERUSER_PASSWORD``.

    Return 0 where it has this password now, `OTHER_PASSWORD` where it was
    there before and has another one. Raises what Django raises.
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
