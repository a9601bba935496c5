"""A mirror on this machine that can be told to misbehave."""

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.files``; the first of ``server.faults``, while there are any, answers in its stead."""

    server: "Mirror"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Range"]))
        body = self.server.files.get(self.path.removeprefix("/"))
        if body is None:
            self.send_error(404)
        else:
            answer = self.server.faults.pop(0) if self.server.faults else honest
            answer(self, body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def send(self, status: int, body: bytes, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    @property
    def wanted(self) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        return int(found[1]) if found else 0


class Mirror(ThreadingHTTPServer):
    """Counts what it is asked for, as (path, Range)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[Answer] = []
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


def honest(handler: Handler, body: bytes) -> None:
    start, n = handler.wanted, len(body)
    if start >= n:
        handler.send(416, b"", Content_Range=f"bytes */{n}", Content_Length=0)
    elif start:
        span = f"bytes {start}-{n - 1}/{n}"
        handler.send(206, body[start:], Content_Range=span, Content_Length=n - start)
    else:
        handler.send(200, body, Content_Length=n)


def ignores_range(handler: Handler, body: bytes) -> None:
    handler.send(200, body, Content_Length=len(body))


def truncates(handler: Handler, body: bytes) -> None:
    rest = body[handler.wanted :]
    status = 206 if handler.wanted else 200
    span = f"bytes {handler.wanted}-{len(body) - 1}/{len(body)}"
    handler.send(status, rest[: len(rest) // 2], Content_Range=span, Content_Length=len(rest))


def truncates_silently(handler: Handler, body: bytes) -> None:
    handler.send(200, body[: len(body) // 2])


def drops(handler: Handler, body: bytes) -> None:
    truncates(handler, body)
    handler.wfile.flush()
    # Closing with a linger of 0 s resets the connection: the client's next read fails.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def corrupts(handler: Handler, body: bytes) -> None:
    honest(handler, body[:-1] + bytes([body[-1] ^ 1]))


def sends_another_part(handler: Handler, body: bytes) -> None:
    n = len(body)
    handler.send(206, body[-1:], Content_Range=f"bytes {n - 1}-{n - 1}/{n}", Content_Length=1)


def fails(handler: Handler, body: bytes) -> None:
    handler.send_error(500)


def sends_a_page(handler: Handler, body: bytes) -> None:
    page = b"<html>please log in</html>"
    handler.send(200, page, Content_Type="text/html; charset=utf-8", Content_Length=len(page))


FAULTS: tuple[Answer, ...] = (
    corrupts,
    drops,
    fails,
    ignores_range,
    sends_a_page,
    sends_another_part,
    truncates,
    truncates_silently,
)


@pytest.fixture
def faults() -> dict[str, Answer]:
    return {fault.__name__: fault for fault in FAULTS}


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
