"""
The project's settings, on a folder of this run alone.

Every worker of pytest-xdist has its own folder, and so its own database and
its own embedded Valkey. Nothing of the checkout's ``var/`` is touched. The
environment of whoever runs the tests decides nothing but the engines.
"""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="blockfeed-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
# Processes that tests start inherit the folder, until a test gives them another.
os.environ["BLOCKFEED_VAR"] = _folder

from wsproject.settings import *  # noqa: E402, F403
from wsproject.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Threads write here as in production: in a file. In memory they would share a
    # cache, whose locks are other ones, and wait for each other in vain.
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}

# A slow hash protects real passwords; here it would only make logins slow.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
