"""
The project's settings, with a folder for this run only.

Every worker of pytest-xdist has its own folder, and so its own database and its own embedded
Valkey. The checkout's ``var/`` is not touched. The environment of the caller only selects the
engines. If ``BLOCKFEED_TEST_DATABASE`` is ``postgresql``, a PostgreSQL server runs for them.
"""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="blockfeed-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
# Processes that tests start inherit the folder, unless a test gives them another.
os.environ["BLOCKFEED_VAR"] = _folder

if os.environ.get("BLOCKFEED_TEST_DATABASE") == "postgresql" and "DATABASE_URL" not in os.environ:
    # The process that begins the run gets here first, and its workers inherit the address.
    from tests.support.guardian import guard
    from tests.support.postgresql import patient_url, running

    guard()
    _postgresql = running()
    os.environ["DATABASE_URL"] = patient_url(_postgresql.__enter__())
    atexit.register(_postgresql.__exit__, None, None, None)

from wsproject.settings import *  # noqa: E402, F403
from wsproject.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "feeds.sqlite":
    # Threads write to a file here, as in production. In memory they would share a cache with
    # different locks, and wait for each other in vain.
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}

# A slow hash protects real passwords; here it would only slow down logins.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
