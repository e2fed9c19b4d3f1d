"""The generated Python code of the examples can be imported, all of it."""

import importlib
import sys

import processes

GENERATED = processes.ROOT / "examples" / "python" / "gen"


def modules() -> list[str]:
    """The name of every generated module."""
    paths = sorted(path.relative_to(GENERATED).with_suffix("") for path in GENERATED.rglob("*.py"))
    return [".".join(path.parts) for path in paths]


if __name__ == "__main__":
    sys.path.insert(0, str(GENERATED))
    if not (names := modules()):
        sys.exit(f"there is nothing in {GENERATED}")
    for name in names:
        importlib.import_module(name)
    print(f"ok: {len(names)} generated Python modules")
