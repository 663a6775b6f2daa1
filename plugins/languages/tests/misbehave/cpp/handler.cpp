// Does what its path says.

#include <__verbose_abort>
#include <string_view>
#include <vector>

#include "plugin_cpp.h"

[[noreturn]] void std::__libcpp_verbose_abort(const char *, ...) noexcept { __builtin_trap(); }

static int count;

std::expected<plugin::Response, wit::string>
exports::plugin::Handle(::plugin::Request request, wit::vector<wit::string> args) {
  auto path = request.path[0].get_view();
  if (path == "mirror")
    return ::plugin::Response{std::move(request.protocol), 299, std::move(request.headers),
                              std::move(request.data)};
  if (path == "count")
    return ::plugin::Response{std::move(request.protocol), uint16_t(299 + ++count), {}, {}};
  if (path == "error") return std::unexpected(wit::string::from_view("an error: é"));
  if (path == "loop")
    for (volatile int turn = 0;; turn = turn + 1) {}
  if (path == "hoard")
    for (std::vector<char> hoard;;) hoard.resize(hoard.size() + (1 << 16), 1);
  std::abort();
}
