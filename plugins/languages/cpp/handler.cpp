// A picohttp handler in C++. To build it, beside copies of wit and memory.c:
//
//   $ wit-bindgen cpp wit --world plugin --out-dir gen
//   $ python-zig cc -target wasm32-wasi -Os -c memory.c
//   $ python-zig c++ -std=c++23 -fno-exceptions -fno-rtti -target wasm32-wasi -mexec-model=reactor -Os -s -Wl,-z,stack-size=65536 -I gen -o core.wasm handler.cpp memory.o gen/plugin.cpp gen/plugin_component_type.o
//   $ wasm-tools component new core.wasm --output handler.wasm

#include <__verbose_abort>
#include <string>
#include <string_view>

#include "plugin_cpp.h"

using namespace std::literals;

/// Where libc++ ends when there is no memory, for one. Its own would print, and import WASI.
[[noreturn]] void std::__libcpp_verbose_abort(const char *, ...) noexcept { __builtin_trap(); }

namespace {

/// A JSON string. Bytes that are not UTF-8 become one character each.
std::string json(std::string_view text, bool is_utf8 = true) {
  std::string json = "\"";
  for (unsigned char byte : text) {
    if (byte < ' ' || byte == '"' || byte == '\\' || (byte > '~' && !is_utf8)) {
      constexpr auto hex = "0123456789abcdef"sv;
      json += {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    } else {
      json += byte;
    }
  }
  return json + '"';
}

std::string json(const wit::string &text) { return json(text.get_view()); }

std::string json(const std::tuple<wit::string, wit::string> &pair) {
  return '[' + json(std::get<0>(pair)) + ',' + json(std::get<1>(pair)) + ']';
}

template <typename T> std::string json(const wit::vector<T> &items) {
  std::string list;
  for (const auto &item : items.get_view()) list += (list.empty() ? "" : ",") + json(item);
  return '[' + list + ']';
}

std::string json(const std::optional<wit::vector<uint8_t>> &data) {
  if (!data) return "null";
  return json({reinterpret_cast<const char *>(data->data()), data->size()}, false);
}

plugin::Response answer(uint16_t status, std::string_view text) {
  auto bytes = std::span(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  return {wit::string::from_view("HTTP/1.0"), status, {}, wit::vector<uint8_t>::from_view(bytes)};
}

plugin::Response describe(const plugin::Request &request, const wit::vector<wit::string> &args) {
  auto response = answer(200, "{\"method\":" + json(request.method) +
                                  ",\"query\":" + json(request.query) +
                                  ",\"headers\":" + json(request.headers) +
                                  ",\"data\":" + json(request.data) +
                                  ",\"args\":" + json(args) + '}');
  std::tuple header{wit::string::from_view("Content-Type"),
                    wit::string::from_view("application/json")};
  response.headers = decltype(response.headers)::from_view(std::span(&header, 1));
  return response;
}

} // namespace

std::expected<plugin::Response, wit::string>
exports::plugin::Handle(::plugin::Request request, wit::vector<wit::string> args) {
  auto path = request.path[0].get_view();
  if (path == "hello") return answer(200, "Hello world!");
  if (path == "goodbye") return answer(200, "Goodbye cruel world");
  if (path == "request") return describe(request, args);
  return answer(404, "");
}
