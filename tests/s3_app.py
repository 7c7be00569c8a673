"""The S3 server of tests.s3_server, run in the environment of `make object-store`: s3_app.py PORT."""

import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

_app = DomainDispatcherApplication(create_backend_app)
_one = threading.Lock()


def app(environ, start_response):
    """One request at a time: moto looks whether a key is there and then writes it; a real store does both in one."""
    if environ["PATH_INFO"].startswith("/forgetful/"):  # as a store that does not know it
        environ.pop("HTTP_IF_NONE_MATCH", None)
    with _one:
        return list(_app(environ, start_response))


class Quiet(WSGIRequestHandler):
    def log_request(self, code="-", size="-"):
        """Errors are logged; thousands of requests are not."""


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Quiet)
