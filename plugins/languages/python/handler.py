"""A picohttp handler in Python. To build it, beside a copy of wit:

    $ componentize-py --wit-path wit --world plugin componentize handler --output handler.wasm
"""

import json

from wit_world import WitWorld as Plugin
from wit_world.imports.types import Request, Response


class WitWorld(Plugin):
    def handle(self, request: Request, args: list[str]) -> Response:
        match request.path[0]:
            case "hello":
                return answer(200, "Hello world!")
            case "goodbye":
                return answer(200, "Goodbye cruel world")
            case "request":
                return answer(200, describe(request, args), [("Content-Type", "application/json")])
            case _:
                return answer(404)


def answer(status: int, text: str = "", headers: list[tuple[str, str]] = []) -> Response:
    return Response("HTTP/1.0", status, headers, text.encode())


def describe(request: Request, args: list[str]) -> str:
    """All of a request as JSON. Each byte of its data becomes one character."""
    data = None if request.data is None else request.data.decode("latin-1")
    return json.dumps({**vars(request), "data": data, "args": args})
