"""
Blockfeed as an installed package: the command ``blockfeed``.

The application is data of this package. It runs in processes of its own, so this
package needs only the standard library and never imports the application.
"""
