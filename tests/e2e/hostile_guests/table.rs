//! All ways to misbehave when a request comes.

use super::row::{Row, answered, bad_response, out_of_memory, timeout, trap};

/// As much memory as an instance may have by default.
const MUCH_MEMORY: &str = "max_memory = '64MiB'";

/// The same, for those who do not end.
const MUCH_MEMORY_FOR_EVER: &str = "max_memory = '64MiB'\ntimeout = '30ms'";

/// What the log says of an answer that is too large to be copied.
const TOO_LARGE: &str = "too large to be copied, and max_response_size is 1048576";

/// So little output for a request that what becomes of each is in the log, too.
const SHORT: &str = "log_quota = 0\nmax_output = '2KiB'";
const SHORT_FOR_EVER: &str = "log_quota = 0\nmax_output = '2KiB'\ntimeout = '30ms'";

/// A folder that may be written, with a file `large` in it.
const FOLDER: &str = "dirs = ['data::/data::rw']";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // Runs for ever: in its handler, before it and after it, and in the host.
    timeout("spin", "GET /"),
    timeout("spin_in_start", "GET /"),
    timeout("spin_in_realloc", "GET /"),
    timeout("spin_in_post_return", "GET /"),
    timeout("fill", "GET /").with(MUCH_MEMORY_FOR_EVER),
    timeout("copy", "GET /"),
    timeout("fill_table", "GET /"),
    timeout("ask_the_time", "GET /"),
    timeout("print_forever", "GET /out").with(SHORT_FOR_EVER).saying("output over its quota was dropped"),
    timeout("print_forever", "GET /err").with(SHORT_FOR_EVER).saying("output over its quota was dropped"),
    timeout("log_forever", "GET /").with(SHORT_FOR_EVER).saying("output over its quota was dropped"),
    timeout("log_at_length", "GET /").with(SHORT_FOR_EVER),
    timeout("sleep_forever", "GET /"),
    timeout("nap", "GET /"),
    timeout("restless", "GET /"),
    timeout("look_again", "GET /"),
    timeout("wait_for_all", "GET /"),
    // Runs deep.
    trap("recurse", "GET /", "call stack exhausted"),
    trap("recurse", "GET /host", "call stack exhausted"),
    trap("recurse_in_start", "GET /", "call stack exhausted"),
    trap("recurse_in_realloc", "GET /", "call stack exhausted"),
    // Takes memory.
    out_of_memory("eat_memory"),
    out_of_memory("grow_in_start"),
    out_of_memory("grow_by_all"),
    answered("grow_memory", "GET /", 256),
    out_of_memory("grow_memory").asking("POST /"),
    answered("two_memories", "GET /", 200),
    answered("many_memories", "GET /", 256),
    timeout("take_every_place", "GET /"),
    answered("full_memory", "GET /", 255),
    answered("grow_table", "GET /", 200),
    // Dies, in its handler, before it and after it.
    trap("unreachable", "GET /", "unreachable"),
    trap("trap_in_start", "GET /", "unreachable"),
    trap("trap_in_realloc", "GET /", "unreachable"),
    trap("trap_in_post_return", "GET /", "unreachable"),
    trap("panic", "GET /", "unreachable"),
    trap("abort", "GET /", "unreachable"),
    trap("exit", "GET /0", "exited with code 0"),
    trap("exit", "GET /1", "exited with code 1"),
    trap("bad_exit", "GET /", "discriminant"),
    trap("divide_by_zero", "GET /", "integer divide by zero"),
    trap("overflow", "GET /", "integer overflow"),
    trap("bad_conversion", "GET /", "invalid conversion to integer"),
    trap("null_call", "GET /", "uninitialized element"),
    trap("wrong_call", "GET /", "indirect call type mismatch"),
    trap("call_out_of_bounds", "GET /", "undefined element"),
    trap("out_of_bounds", "GET /", "out of bounds memory access"),
    trap("fill_out_of_bounds", "GET /", "out of bounds memory access"),
    trap("bad_segment", "GET /", "out of bounds memory access"),
    trap("bad_element", "GET /", "out of bounds table access"),
    // Talks nonsense at the boundary.
    trap("bad_realloc", "GET /", "beyond end of memory"),
    trap("odd_realloc", "GET /", "not aligned"),
    trap("bad_alignment", "GET /", "not aligned"),
    trap("bad_result_pointer", "GET /", "out of bounds"),
    trap("bad_result", "GET /", "discriminant"),
    trap("bad_option", "GET /", "discriminant"),
    trap("bad_pointer", "GET /", "out of bounds"),
    trap("bad_list_length", "GET /", "out of bounds"),
    trap("bad_utf8", "GET /", "utf-8"),
    trap("bad_header_name", "GET /", "utf-8"),
    trap("bad_error", "GET /", "utf-8"),
    trap("bad_import_pointer", "GET /", "out of bounds"),
    trap("foreign_handle", "GET /", "unknown handle index"),
    trap("dropped_handle", "GET /", "unknown handle index"),
    // Answers with more than it may.
    bad_response("huge_body", "GET /1048577", "1048577 bytes"),
    bad_response("huge_body", "GET /62914560", TOO_LARGE).with("max_memory = '128MiB'").seldom(),
    bad_response("huge_error", "GET /1048577", "1048577 bytes"),
    bad_response("huge_error", "GET /62914560", TOO_LARGE).with("max_memory = '128MiB'").seldom(),
    bad_response("long_protocol", "GET /", TOO_LARGE).with(MUCH_MEMORY).seldom(),
    bad_response("aliased_body", "GET /", TOO_LARGE),
    bad_response("aliased_headers", "GET /", TOO_LARGE),
    bad_response("empty_headers", "GET /", TOO_LARGE),
    bad_response("many_headers", "GET /200000", TOO_LARGE).seldom(),
    bad_response("many_headers", "GET /10000", "more than 1000 headers"),
    answered("many_headers", "GET /1000", 200),
    // Answers with what would be no answer, or another one.
    bad_response("any_status", "GET /0", "status 0"),
    bad_response("any_status", "GET /99", "status 99"),
    bad_response("any_status", "GET /100", "status 100"),
    bad_response("any_status", "GET /101", "status 101"),
    bad_response("any_status", "GET /199", "status 199"),
    bad_response("any_status", "GET /1000", "status 1000"),
    bad_response("any_status", "GET /65535", "status 65535"),
    answered("any_status", "GET /204", 204),
    answered("any_status", "GET /304", 304),
    answered("any_status", "GET /999", 999),
    bad_response("forge_head", "GET /crlf-in-value", "value has CR, LF or NUL"),
    bad_response("forge_head", "GET /cr-in-value", "value has CR, LF or NUL"),
    bad_response("forge_head", "GET /lf-in-value", "value has CR, LF or NUL"),
    bad_response("forge_head", "GET /nul-in-value", "value has CR, LF or NUL"),
    bad_response("forge_head", "GET /whole-answer-in-value", "value has CR, LF or NUL"),
    bad_response("forge_head", "GET /empty-name", "name is malformed"),
    bad_response("forge_head", "GET /colon-in-name", "name is malformed"),
    bad_response("forge_head", "GET /only-a-colon", "name is malformed"),
    bad_response("forge_head", "GET /space-in-name", "name is malformed"),
    bad_response("forge_head", "GET /space-after-name", "name is malformed"),
    bad_response("forge_head", "GET /crlf-in-name", "name is malformed"),
    bad_response("forge_head", "GET /nul-in-name", "name is malformed"),
    bad_response("forge_head", "GET /delete-in-name", "name is malformed"),
    bad_response("forge_head", "GET /empty-protocol", "protocol is not visible ASCII"),
    bad_response("forge_head", "GET /space-in-protocol", "protocol is not visible ASCII"),
    bad_response("forge_head", "GET /crlf-in-protocol", "protocol is not visible ASCII"),
    bad_response("forge_head", "GET /nul-in-protocol", "protocol is not visible ASCII"),
    answered("lie_about_framing", "GET /too-long", 200),
    answered("lie_about_framing", "GET /too-short", 200),
    answered("lie_about_framing", "GET /negative", 200),
    answered("lie_about_framing", "GET /chunked", 200),
    answered("lie_about_framing", "GET /keep-alive", 200),
    answered("lie_about_framing", "GET /upgrade", 200),
    answered("lie_about_framing", "GET /kept-for-long", 200),
    // Floods the log, or forges it.
    answered("talk", "GET /flood", 200).with(SHORT).saying("output over its quota was dropped"),
    answered("talk", "GET /empty", 200).with(SHORT).saying("output over its quota was dropped"),
    answered("talk", "GET /endless", 200).with(SHORT).seldom().saying("output over its quota was dropped"),
    answered("talk", "GET /control", 200).with(SHORT).saying(r"\u{1b}[31mred\u{7} \u{0} \u{202e}\u{85} a\rb"),
    // Takes what is the host's.
    trap("leak_handles", "GET /", "no free keys"),
    trap("leak_resources", "GET /", "handle limit exceeded"),
    trap("files", "GET /open?path=/data/large", "no free keys").with(FOLDER),
    trap("huge_random", "GET /", "exceeds limit"),
    trap("wait_for_nothing", "GET /", "empty"),
    trap("wait_for_too_many", "GET /", "handle limit exceeded"),
    answered("extreme_arguments", "GET /clocks", 200),
    trap("extreme_arguments", "GET /random", "exceeds limit"),
    trap("extreme_arguments", "GET /insecure", "exceeds limit"),
    answered("extreme_arguments", "GET /seeds", 200),
    trap("extreme_arguments", "GET /poll", "empty"),
    answered("extreme_arguments", "GET /input", 200),
    trap("extreme_arguments", "GET /write", ""),
    trap("extreme_arguments", "GET /zeroes", ""),
    trap("extreme_arguments", "GET /flushed-zeroes", ""),
    answered("extreme_arguments", "GET /sockets", 200),
    answered("extreme_arguments", "GET /files", 200).with(FOLDER),
    answered("extreme_arguments", "GET /paths", 200).with(FOLDER),
    // Leaves something to the next.
    answered("poison", "POISON /", 299),
    answered("poison", "SCAN /", 200),
];
