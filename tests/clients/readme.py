"""Runs the very lines of the README: every shell block that calls grpcurl, in order, against `tidings demo`.

The blocks find the key that the demo printed in the variable TIDINGS_KEY, as the README tells its reader to set it.
"""

import os
import re
import subprocess
import sys
import tempfile

import processes

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "127.0.0.1:50051"
SECONDS = 120


def blocks() -> list[str]:
    """The README's blocks that call grpcurl."""
    text = (processes.ROOT / "README.md").read_text("utf-8")
    return [block for block in BLOCK.findall(text) if re.search(r"^\s*grpcurl ", block, re.MULTILINE)]


def run(folder: str) -> None:
    """Runs all of them in one shell, as a reader does."""
    script = "\n".join(blocks())
    if not script:
        raise AssertionError("the README has no block that calls grpcurl")
    with processes.Process("demo", folder=folder) as demo:
        key = demo.wait_for(processes.KEY)
        processes.connected(ADDRESS, demo).close()
        subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=folder,
            env=os.environ | {"TIDINGS_KEY": key},
            timeout=SECONDS,
            check=True,
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tidings-readme-") as temporary:
        try:
            run(temporary)
        except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
            sys.exit(f"the README's lines failed: {error}")
