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
    text.ptr = realloc(text.ptr, text.capacity);
    if (text.ptr == NULL) abort();
  }
  memcpy(text.ptr + text.len, bytes, len);
  text.len += len;
}

static void print(const char *string) { put(string, strlen(string)); }

// A JSON string, from UTF-8 or from bytes that become one character each.
static void print_string(const uint8_t *bytes, size_t len, bool is_utf8) {
  const char *hex = "0123456789abcdef";
  print("\"");
  for (size_t i = 0; i < len; i++) {
    uint8_t byte = bytes[i];
    bool plain = byte >= ' ' && byte != '"' && byte != '\\' && (byte <= '~' || is_utf8);
    if (plain) put(&byte, 1);
    else put((char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
  }
  print("\"");
}

static void print_strings(const plugin_string_t *strings, size_t len) {
  for (size_t i = 0; i < len; i++) {
    print(i == 0 ? "[" : ",");
    print_string(strings[i].ptr, strings[i].len, true);
  }
  print(len == 0 ? "[]" : "]");
}

static void print_pairs(plugin_list_tuple2_string_string_t pairs) {
  for (size_t i = 0; i < pairs.len; i++) {
    print(i == 0 ? "[" : ",");
    print_strings((plugin_string_t[]){pairs.ptr[i].f0, pairs.ptr[i].f1}, 2);
  }
  print(pairs.len == 0 ? "[]" : "]");
}

static void describe(const plugin_request_t *request, const plugin_list_string_t *args,
                     plugin_response_t *response) {
  response->headers.len = 1;
  response->headers.ptr = malloc(sizeof *response->headers.ptr);
  plugin_string_dup(&response->headers.ptr->f0, "Content-Type");
  plugin_string_dup(&response->headers.ptr->f1, "application/json");
  print("{\"method\":");
  print_string(request->method.ptr, request->method.len, true);
  print(",\"query\":");
  print_pairs(request->query);
  print(",\"headers\":");
  print_pairs(request->headers);
  print(",\"data\":");
  if (request->data.is_some) print_string(request->data.val.ptr, request->data.val.len, false);
  else print("null");
  print(",\"args\":");
  print_strings(args->ptr, args->len);
  print("}");
}

bool exports_plugin_handle(plugin_request_t *request, plugin_list_string_t *args,
                           plugin_response_t *response, plugin_string_t *error) {
  plugin_string_t path = request->path.ptr[0];
  *response = (plugin_response_t){.status = 200};
  if (path.len == 5 && memcmp(path.ptr, "hello", 5) == 0) print("Hello world!");
  else if (path.len == 7 && memcmp(path.ptr, "goodbye", 7) == 0) print("Goodbye cruel world");
  else if (path.len == 7 && memcmp(path.ptr, "request", 7) == 0) describe(request, args, response);
  else response->status = 404;
  plugin_string_dup(&response->protocol, "HTTP/1.0");
  response->data.is_some = true;
  response->data.val = (plugin_list_u8_t){text.ptr, text.len};
  return true;
}
