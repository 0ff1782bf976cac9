"""
The client of Blockfeed: collects a feed in blocks and proves what it got.

This folder stands alone: copy it, install its ``requirements.txt``, run
``python client.py``. It never imports Django.
"""
