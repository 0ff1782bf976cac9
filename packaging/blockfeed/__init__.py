"""
Blockfeed as an installed package: the command ``blockfeed``, and a pytest plugin.

The application is data of this package. It runs in processes of its own, and this
package never imports it. It needs the standard library only, and the plugin pytest.
"""
