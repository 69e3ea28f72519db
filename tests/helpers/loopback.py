"""What the tests' servers on the loopback interface have in common."""

from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    """Answers as quickly as a client asks, and says nothing on stderr."""

    timeout = 10
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body go together: apart, the body waits 40 ms for an acknowledgement

    def log_message(self, *_):
        pass
