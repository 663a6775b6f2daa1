"""Does what its path says."""

from componentize_py_types import Err
from wit_world import WitWorld as Plugin
from wit_world.imports.types import Request, Response

count = 0


class WitWorld(Plugin):
    def handle(self, request: Request, args: list[str]) -> Response:
        global count
        match request.path[0]:
            case "mirror":
                return Response(request.protocol, 299, request.headers, request.data)
            case "count":
                count += 1
                return Response(request.protocol, 299 + count, [], None)
            case "error":
                raise Err("an error: é")
            case "loop":
                while True:
                    pass
            case "hoard":
                hoard = []
                while True:
                    hoard.append(bytes(1 << 16))
            case _:
                raise ValueError("as asked")
