"""Generates the Python code of every proto file into target/ and makes it importable.

Nothing generated is kept in the repository, so this is what a new user of the proto files does too.
"""

import pathlib
import sys

import google.rpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "target" / "clients" / "python"


def generate() -> None:
    """Generates everything under proto/; the files of others come with their Python packages."""
    OUT.mkdir(parents=True, exist_ok=True)
    protos = sorted(str(path) for path in (ROOT / "proto").rglob("*.proto"))
    # googleapis-common-protos ships the sources of google/rpc beside their Python code.
    common = pathlib.Path(next(iter(google.rpc.__path__))).parents[1]
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"-I{ROOT / 'proto'}",
        f"-I{common}",
        f"-I{well_known}",
        f"--python_out={OUT}",
        f"--grpc_python_out={OUT}",
        *protos,
    ]
    if protoc.main(arguments) != 0:
        sys.exit("the proto files do not compile")
    sys.path.insert(0, str(OUT))
