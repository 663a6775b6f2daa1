// What handler/src/logic.rs computes.

export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/hello":
      case "/mix":
        return new Response("Hello world!");
      case "/10k":
        return new Response("x".repeat(10 << 10));
      case "/echo":
        return new Response(await request.arrayBuffer());
      case "/cpu":
        return new Response(work(700_000).toString(16).padStart(8, "0"));
      default:
        return new Response(null, { status: 404 });
    }
  },
};

function work(steps) {
  let state = 1;
  for (let step = 0; step < steps; step++) {
    state = Math.imul(((state << 5) | (state >>> 27)) ^ step, 0x9e3779b1);
  }
  return state >>> 0;
}
