// A picohttp handler in C. To build it, beside copies of wit and memory.c:
//
//   $ wit-bindgen c wit --world plugin --out-dir gen
//   $ python-zig cc -target wasm32-wasi -mexec-model=reactor -Os -s -Wl,-z,stack-size=65536 -I gen -o core.wasm handler.c memory.c gen/plugin.c gen/plugin_component_type.o
//   $ wasm-tools component new core.wasm --output handler.wasm

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

// The answer. One instance answers one request, so nothing is ever freed.
static struct { uint8_t *ptr; size_t len, capacity; } text;

static void put(const void *bytes, size_t len) {
  if (len > text.capacity - text.len) {
    text.capacity = 2 * (text.len + len);
    if ((text.ptr = realloc(text.ptr, text.capacity)) == NULL) abort();
  }
  memcpy(text.ptr + text.len, bytes, len);
  text.len += len;
}

static void print(const char *string) { put(string, strlen(string)); }

// A JSON string, from UTF-8 or from bytes that become one character each.
static void print_string(const uint8_t *bytes, size_t len, bool is_utf8) {
  const char *hex = "0123456789abcdef";
  print("\"");
  for (const uint8_t *byte = bytes; byte < bytes + len; byte++) {
    if (*byte >= ' ' && *byte != '"' && *byte != '\\' && (*byte <= '~' || is_utf8)) put(byte, 1);
    else put((char[]){'\\', 'u', '0', '0', hex[*byte >> 4], hex[*byte & 15]}, 6);
  }
  print("\"");
}

// A list of strings, or of pairs, which are two strings each.
static void print_list(const plugin_string_t *strings, size_t len, bool is_of_pairs) {
  print("[");
  for (size_t i = 0; i < len; i++) {
    if (i > 0) print(",");
    if (is_of_pairs) print_list(&strings[2 * i], 2, false);
    else print_string(strings[i].ptr, strings[i].len, true);
  }
  print("]");
}

static void describe(plugin_request_t *request, plugin_list_string_t *args, plugin_response_t *ret) {
  ret->headers = (plugin_list_tuple2_string_string_t){malloc(sizeof *ret->headers.ptr), 1};
  plugin_string_dup(&ret->headers.ptr->f0, "Content-Type");
  plugin_string_dup(&ret->headers.ptr->f1, "application/json");
  print("{\"method\":");
  print_string(request->method.ptr, request->method.len, true);
  print(",\"query\":");
  print_list((plugin_string_t *)request->query.ptr, request->query.len, true);
  print(",\"headers\":");
  print_list((plugin_string_t *)request->headers.ptr, request->headers.len, true);
  print(",\"data\":");
  if (!request->data.is_some) print("null");
  else print_string(request->data.val.ptr, request->data.val.len, false);
  print(",\"args\":");
  print_list(args->ptr, args->len, false);
  print("}");
}

bool exports_plugin_handle(plugin_request_t *request, plugin_list_string_t *args,
                           plugin_response_t *ret, plugin_string_t *err) {
  plugin_string_t path = request->path.ptr[0];
  *ret = (plugin_response_t){.status = 200};
  if (path.len == 5 && memcmp(path.ptr, "hello", 5) == 0) print("Hello world!");
  else if (path.len == 7 && memcmp(path.ptr, "goodbye", 7) == 0) print("Goodbye cruel world");
  else if (path.len == 7 && memcmp(path.ptr, "request", 7) == 0) describe(request, args, ret);
  else ret->status = 404;
  plugin_string_dup(&ret->protocol, "HTTP/1.0");
  ret->data = (plugin_option_list_u8_t){true, {text.ptr, text.len}};
  return true;
}
