"""The handler behind every recorded answer, and a server that runs it.

`record.py` runs this file with the Python that has the real picohttp:

    python handler.py LOG

It serves on a free port, prints that port, and appends to the file LOG one
line of JSON for each call of the handler (`seen`) and for each connection
whose thread died (`error`), with the client's port to tell them apart.

The first segment of the path selects what the handler does:

    /status/<n>             status n, no data
    /header/<name>/<value>  adds one header (the value may contain "/")
    /raise/<text>           raises Exception(text)
    /protocol/<text>        sets the response's protocol
    /data/<text>            sets the data, as text
    /bytes                  sets the data to the bytes 00 FF FE
    /length                 tries to set Content-Length: 999, Connection: keep-alive
    /empty                  sets nothing
    anything else           the data is what the handler saw, as compact JSON
"""

import json
import sys
import syslog
import threading

ARGS = ("first", "second")


def what_was_seen(request, args):
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "protocol": request.protocol,
        "headers": request.headers,
        "data": request.data,
        "args": list(args),
    }


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def handle(request, response, *args):
    seen = what_was_seen(request, args)
    log(seen=seen)
    behaviour, rest = request.path[0], request.path[1:]
    if behaviour == "status":
        response.status = int(rest[0])
    elif behaviour == "header":
        response.headers[rest[0]] = "/".join(rest[1:])
    elif behaviour == "raise":
        raise Exception("/".join(rest))
    elif behaviour == "protocol":
        response.protocol = "/".join(rest)
    elif behaviour == "data":
        response.data = "/".join(rest)
    elif behaviour == "bytes":
        response.data = b"\x00\xff\xfe"
    elif behaviour == "length":
        response.headers["Content-Length"] = 999
        response.headers["Connection"] = "keep-alive"
    elif behaviour != "empty":
        response.data = compact(seen)


def log(**what):
    # picohttp names each connection's thread after the client: the last part is its port
    what["client"] = int(threading.current_thread().name.rsplit("_", 1)[1])
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def instead_of_syslog(message):
    """picohttp logs to syslog; keep it quiet, but note the exception that ended a connection."""
    if message.startswith("exception in thread "):
        log(error=sys.exc_info()[0].__name__)


if __name__ == "__main__":
    syslog.syslog = instead_of_syslog
    from picohttp import HttpServer

    server = HttpServer(0, handle, args=ARGS, block=False)
    print(server.socket.getsockname()[1], flush=True)
