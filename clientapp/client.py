"""
The client as a script: ``python client.py`` is ``python -m clientapp collect``.

It works from any directory, and in a copy of this folder under any name: the
folder that contains it becomes the package ``clientapp``.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).resolve().parent


def load_package() -> None:
    """Make the folder of this script the package ``clientapp``."""
    # Python puts the folder itself on the path; imported that way, its modules have no package.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    spec = spec_from_file_location(
        "clientapp", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    if spec is None or spec.loader is None:
        sys.exit(f"{HERE} is not a complete copy of the client")
    package = module_from_spec(spec)
    sys.modules["clientapp"] = package
    spec.loader.exec_module(package)


def run() -> int:
    """Run the client; return the exit code."""
    load_package()
    try:
        from clientapp.cli import script  # noqa: PLC0415 - the package is loaded above
    except KeyboardInterrupt:
        return 0
    except ModuleNotFoundError as error:
        requirements = HERE / "requirements.txt"
        print(f"{error.name} is not installed; run: pip install -r {requirements}", file=sys.stderr)
        return 1
    return script()


if __name__ == "__main__":
    sys.exit(run())
