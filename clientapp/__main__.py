"""``python -m clientapp``."""

import sys

from clientapp.cli import main

if __name__ == "__main__":
    sys.exit(main())
