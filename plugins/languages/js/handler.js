// A picohttp handler in JavaScript. To build it, beside a copy of wit:
//
//   $ jco componentize handler.js --wit wit --world-name plugin --backend quickjs --backend-qjs-disable-async --out handler.wasm

export function handle(request, args) {
  switch (request.path[0]) {
    case "hello":
      return answer(200, "Hello world!");
    case "goodbye":
      return answer(200, "Goodbye cruel world");
    case "request":
      return answer(200, describe(request, args), [["Content-Type", "application/json"]]);
    default:
      return answer(404);
  }
}

function answer(status, text = "", headers = []) {
  return { protocol: "HTTP/1.0", status, headers, data: encode(text) };
}

/** All of a request as JSON. Each byte of its data becomes one character. */
function describe({ method, query, headers, data }, args) {
  let text = data ? "" : null;
  for (const byte of data ?? []) text += String.fromCharCode(byte);
  return JSON.stringify({ method, query, headers, data: text, args });
}

/** The text's bytes in UTF-8. QuickJS has no TextEncoder. */
function encode(text) {
  const bytes = unescape(encodeURIComponent(text));
  return new Uint8Array(bytes.length).map((_, at) => bytes.charCodeAt(at));
}
