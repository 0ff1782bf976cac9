"""
Blockfeed as an installed package: the command ``blockfeed``, a pytest plugin, a Python API.

The application is data of this package and runs in processes of its own. Only
``blockfeed.client``, the Python API, imports some of it. Everything else needs the standard
library, and the plugin pytest.
"""
