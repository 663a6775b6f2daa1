import assert from "node:assert";
import test from "node:test";

import { handle } from "./handler.js";

function get(...path) {
  const request = { method: "GET", path, query: [], protocol: "HTTP/1.0", headers: [] };
  const { status, data } = handle(request, []);
  return [status, new TextDecoder().decode(data)];
}

test("greets", () => {
  assert.deepEqual(get("hello"), [200, "Hello world!"]);
});

test("knows nothing else", () => {
  assert.deepEqual(get(""), [404, ""]);
});
