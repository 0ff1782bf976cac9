#!/bin/sh
# Create a virtual environment at $1 with the newest suitable Python.
set -eu

without_venv=
for python in python3.14 python3.13 python3.12 python3.11 python3 python; do
    # This also fails for a shim that is found but starts nothing.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "making $1 with $python ($version)"
        exec "$python" -m venv --clear "$1"
    fi
    without_venv=${without_venv:-$version}
done

if [ -n "$without_venv" ]; then
    echo "Python $without_venv is installed, but its venv module is missing." >&2
    echo "On Debian and Ubuntu: sudo apt-get install python3-venv" >&2
    echo "(or python$without_venv-venv, if it is not the system's own Python)" >&2
else
    echo "Blockfeed needs Python 3.11 or later; none was found on PATH." >&2
fi
exit 1
