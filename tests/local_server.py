"""What web servers on 127.0.0.1 have in common."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answering(BaseHTTPRequestHandler):
    """One answer, in silence."""

    timeout = 10

    def answer(self, status: int, headers: Mapping[str, str | None]) -> None:
        """Send what goes before the content; headers without a value are left out."""
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def listening(handler: type[Answering], over: threading.Event, **attributes: object) -> Iterator[int]:
    """Serve from a free port until the block ends; every connection closes with its answer (HTTP/1.0).

    over: set at the end, for answers that wait. attributes: of the handler's class.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), attributes))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that has given up
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
