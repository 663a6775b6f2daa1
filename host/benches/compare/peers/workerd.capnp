# The comparison's handler in workerd. The port is given on the command line.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "compare", worker = .compare)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "compare")],
);

const compare :Workerd.Worker = (
  modules = [(name = "workerd.js", esModule = embed "workerd.js")],
  compatibilityDate = "2025-01-01",
);
