"""The project's settings, with a small limit for the database."""

from copy import deepcopy

from wsproject.settings import *  # noqa: F403
from wsproject.settings import DATABASES

PAGES = 400
"""Pages of 4096 bytes; a new installation takes about 80."""

# The settings of the importing process stay as they are.
DATABASES = deepcopy(DATABASES)
DATABASES["default"]["OPTIONS"]["init_command"] += f" PRAGMA max_page_count={PAGES};"
