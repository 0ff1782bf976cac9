"""
Blockfeed as an installed package: the command ``blockfeed``, a pytest plugin, a Python API.

The application is data of this package, and runs in separate processes. Only
``blockfeed.client``, the Python API, imports some of it. Everything else needs only the standard
library, and the plugin also pytest.
"""
