"""A proxy that breaks its first connection when the answer to the first call is on its way.

So the server has done what was asked, and the client does not know: only a repeat with the same `request_id` is right.
"""

import contextlib
import socket
import threading

FRAME_HEADER_BYTES = 9
HEADERS_FRAME = 1
READ_BYTES = 65536


class FlakyProxy:
    """Passes connections on to the address, except the first, which it breaks. Closed when its `with` block is left."""

    def __init__(self, address: str):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.broke = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "FlakyProxy":
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                down = self._pass if self.broke.is_set() else self._break
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
                threading.Thread(target=down, args=(server, client), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        """Passes bytes on until one side is gone."""
        with contextlib.suppress(OSError):
            while data := source.recv(READ_BYTES):
                sink.sendall(data)
        close(source, sink)

    def _break(self, server: socket.socket, client: socket.socket) -> None:
        """Passes frames on until the first one that begins an answer."""
        with contextlib.suppress(OSError):
            stream = server.makefile("rb")
            while header := stream.read(FRAME_HEADER_BYTES):
                if header[3] == HEADERS_FRAME:
                    self.broke.set()
                    break
                client.sendall(header + stream.read(int.from_bytes(header[:3], "big")))
        close(server, client)


def close(*sockets: socket.socket) -> None:
    """Ends both directions, also for a thread that reads."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
