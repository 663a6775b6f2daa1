// A picohttp handler in TypeScript. To build it, beside a copy of wit:
//
//   $ tsc --strict --target es2022 handler.ts
//   $ jco componentize handler.js --wit wit --world-name plugin --backend quickjs --backend-qjs-disable-async --out handler.wasm

// The records of wit/handler.wit.
type Pairs = [name: string, value: string][];

interface Request {
  method: string;
  path: string[];
  query: Pairs;
  protocol: string;
  headers: Pairs;
  data?: Uint8Array;
}

interface Response {
  protocol: string;
  status: number;
  headers: Pairs;
  data?: Uint8Array;
}

export function handle(request: Request, args: string[]): Response {
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

function answer(status: number, text = "", headers: Pairs = []): Response {
  return { protocol: "HTTP/1.0", status, headers, data: encode(text) };
}

/** All of a request as JSON. Each byte of its data becomes one character. */
function describe({ method, query, headers, data }: Request, args: string[]): string {
  let text = data ? "" : null;
  for (const byte of data ?? []) text += String.fromCharCode(byte);
  return JSON.stringify({ method, query, headers, data: text, args });
}

/** The text's bytes in UTF-8. QuickJS has no TextEncoder. */
function encode(text: string): Uint8Array {
  const bytes = unescape(encodeURIComponent(text));
  return new Uint8Array(bytes.length).map((_, at) => bytes.charCodeAt(at));
}
