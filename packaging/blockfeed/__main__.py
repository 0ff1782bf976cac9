"""``python -m blockfeed``."""

from blockfeed.cli import main

if __name__ == "__main__":
    main()
