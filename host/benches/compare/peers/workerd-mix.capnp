# Many workers, and one that passes each request to that of its host. What is in capitals
# is filled in; the port is given on the command line.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "router", worker = .router),
    SERVICES
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "router")],
);

const router :Workerd.Worker = (
  serviceWorkerScript = "addEventListener('fetch', event => event.respondWith(globalThis[event.request.headers.get('host')].fetch(event.request)));",
  bindings = [
    BINDINGS
  ],
  compatibilityDate = "2025-01-01",
);

const compare :Workerd.Worker = (
  modules = [(name = "workerd.js", esModule = embed "workerd.js")],
  compatibilityDate = "2025-01-01",
);
