import unittest

from handler import WitWorld
from wit_world.imports.types import Request, Response


def get(*path: str) -> Response:
    return WitWorld().handle(Request("GET", [*path], [], "HTTP/1.0", [], None), [])


class Handler(unittest.TestCase):
    def test_greets(self):
        self.assertEqual(get("hello").data, b"Hello world!")

    def test_knows_nothing_else(self):
        self.assertEqual(get("").status, 404)
