"""What handler/src/logic.rs computes, served by the Python package on the port given."""

import socket
import sys

from picohttp import HttpServer


class Loopback(socket.socket):
    """picohttp listens everywhere; a comparison should not."""

    def bind(self, address):
        super().bind(("127.0.0.1", address[1]))


def compare(request, response):
    route = request.path[0]
    if route == "hello":
        response.data = "Hello world!"
    elif route == "10k":
        response.data = "x" * (10 << 10)
    elif route == "echo":
        response.data = request.data
    elif route == "cpu":
        response.data = "%08x" % work(700_000)
    else:
        response.status = 404


def work(steps):
    state = 1
    for step in range(steps):
        state = (((state << 5 | state >> 27) & 0xFFFFFFFF ^ step) * 0x9E3779B1) & 0xFFFFFFFF
    return state


socket.socket = Loopback
HttpServer(int(sys.argv[1]), compare)
