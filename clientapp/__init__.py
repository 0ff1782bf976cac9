"""
The client of Blockfeed: it collects feeds in blocks and proves which messages it received.

This folder works on its own: copy it, install its ``requirements.txt``, run
``python client.py``. It never imports Django.
"""
