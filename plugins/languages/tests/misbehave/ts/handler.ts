// Does what its path says.

type Pairs = [name: string, value: string][];
type Message = { protocol: string; headers: Pairs; data?: Uint8Array };

let count = 0;

export function handle(request: Message & { path: string[] }): Message & { status: number } {
  const { path, protocol, headers, data } = request;
  switch (path[0]) {
    case "mirror":
      return { protocol, status: 299, headers, data };
    case "count":
      return { protocol, status: 299 + ++count, headers: [] };
    case "error":
      throw "an error: é";
    case "loop":
      for (;;) {}
    case "hoard":
      for (const hoard: Uint8Array[] = []; ; ) hoard.push(new Uint8Array(1 << 16));
    default:
      throw new TypeError("as asked");
  }
}
