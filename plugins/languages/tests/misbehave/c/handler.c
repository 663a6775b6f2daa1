// Does what its path says.

#include <stdlib.h>

#include "plugin.h"

static int count;

bool exports_plugin_handle(plugin_request_t *request, plugin_list_string_t *args,
                           plugin_response_t *response, plugin_string_t *error) {
  *response = (plugin_response_t){.protocol = request->protocol, .status = 299};
  switch (request->path.ptr[0].ptr[0]) {
  case 'm': // mirror
    response->headers = request->headers;
    response->data = request->data;
    return true;
  case 'c': // count
    response->status += ++count;
    return true;
  case 'e': // error
    plugin_string_dup(error, "an error: \u00e9");
    return false;
  case 'l': // loop
    for (volatile int turn = 0;; turn++) {}
  case 'h': // hoard
    for (;;) *(volatile char *)(malloc(1 << 16) ?: (abort(), NULL)) = 1;
  default: // panic
    abort();
  }
}
