// Does what its path says.

let count = 0;

export function handle({ path, protocol, headers, data }, args) {
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
      for (const hoard = []; ; ) hoard.push(new Uint8Array(1 << 16));
    default:
      return undefined.nothing;
  }
}
