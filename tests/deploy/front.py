"""The API's address as AWS has it, without a path: the emulator keeps all its APIs at one address, below a path."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# They are about one connection, not about the request.
OF_THE_CONNECTION = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


class Front:
    """Hands every request on to an API of the emulator, on a port of its own."""

    def __init__(self, endpoint, api):
        self.host, self.path = urlsplit(endpoint).netloc, f"/_aws/execute-api/{api}"
        handler = type("Handler", (_Handler,), {"front": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Takes no more requests."""
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _hand_on(self):
        length = int(self.headers.get("content-length", 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_CONNECTION | {"host"}}
        connection = http.client.HTTPConnection(self.front.host, timeout=60)
        try:
            connection.request(self.command, self.front.path + self.path, self.rfile.read(length), headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = _hand_on

    def log_message(self, *_):
        """The emulator has a log."""
