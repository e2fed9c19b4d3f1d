"""Starts the built binary and reads what it prints. Every wait has a bound."""

import contextlib
import os
import pathlib
import queue
import re
import socket
import subprocess
import threading

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("TIDINGS_BINARY", ROOT / "target" / "debug" / "tidings"))
KEY = re.compile(r"tdg_live_secret_[0-9a-f]{32}_[0-9A-Za-z]{43}")
START_SECONDS = 60
STOP_SECONDS = 30


class Process:
    """A command of the binary, ended when its `with` block is left."""

    def __init__(self, *arguments: str, folder: str, environment: dict[str, str] | None = None):
        self.name = arguments[0]
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.log = open(pathlib.Path(folder, f"{self.name}.log"), "w+", encoding="utf-8")
        self.child = subprocess.Popen(
            [BINARY, *arguments],
            cwd=folder,
            env=os.environ | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.child.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, pattern: re.Pattern[str]) -> str:
        """The first part of standard output that fits."""
        with contextlib.suppress(queue.Empty):
            while (line := self.lines.get(timeout=START_SECONDS)) is not None:
                if found := pattern.search(line):
                    return found[0]
        raise RuntimeError(f"{self.name} did not print {pattern.pattern}; its log:\n{self.tail()}")

    def tail(self) -> str:
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-4000:]

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise RuntimeError(f"{self.name} did not stop in {STOP_SECONDS} s") from error
        finally:
            if error is not None:
                print(f"--- log of {self.name}\n{self.tail()}")
            self.log.close()


def free_address() -> str:
    """An address on this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def connected(address: str, process: Process) -> grpc.Channel:
    """A channel to a server that answers."""
    channel = grpc.insecure_channel(address)
    ready = grpc.channel_ready_future(channel)
    for _ in range(START_SECONDS):
        with contextlib.suppress(grpc.FutureTimeoutError):
            ready.result(timeout=1)
            return channel
        if process.child.poll() is not None:
            raise RuntimeError(f"{process.name} has stopped")
    raise RuntimeError(f"nobody answers at {address}")


def simulator(folder: str, address: str) -> Process:
    """The simulator, with its control API at that address."""
    return Process("simulator", "--listen", address, folder=folder)


def server(folder: str, address: str, apns, environment: dict[str, str] | None = None) -> Process:
    """Tidings on a new database, sending to the simulator that `apns` (its GetInfo answer) describes."""
    certificate = pathlib.Path(folder, "apns.pem")
    certificate.write_text(apns.ca_pem, encoding="utf-8")
    settings = {
        "TIDINGS__GRPC__LISTEN": address,
        "TIDINGS__HTTP__LISTEN": free_address(),
        "TIDINGS__DATABASE__URL": f"sqlite://{folder}/tidings.db",
        "TIDINGS__APNS__PRODUCTION_URL": apns.production_url,
        "TIDINGS__APNS__SANDBOX_URL": apns.sandbox_url,
        "TIDINGS__APNS__CA_FILE": str(certificate),
    }
    return Process("serve", folder=folder, environment=settings | (environment or {}))
