//! A picohttp handler in Zig. To build it, beside copies of wit and memory.c:
//!
//!   $ wit-bindgen c wit --world plugin --out-dir gen
//!   $ python-zig build-exe handler.zig memory.c gen/plugin.c gen/plugin_component_type.o -target wasm32-wasi -mexec-model=reactor -fno-entry -OReleaseSmall -lc -fstrip --stack 65536 -femit-bin=core.wasm
//!   $ wasm-tools component new core.wasm --output handler.wasm

const std = @import("std");

/// Zig's own would print what went wrong, and import WASI.
pub const panic = std.debug.no_panic;

/// What is made is not freed: an instance answers one request.
const allocator = std.heap.c_allocator;

// The records of wit/handler.wit, as they are in gen/plugin.h.

fn List(Item: type) type {
    return extern struct {
        ptr: [*]const Item,
        len: usize,

        /// Nothing, at an address that is within the memory, as the host demands.
        pub const empty: @This() = .{ .ptr = @ptrFromInt(@alignOf(Item)), .len = 0 };

        pub fn of(items: []const Item) !@This() {
            if (items.len == 0) return empty;
            const copy = try allocator.dupe(Item, items);
            return .{ .ptr = copy.ptr, .len = copy.len };
        }

        pub fn slice(list: @This()) []const Item {
            return list.ptr[0..list.len];
        }

        pub fn jsonStringify(list: @This(), json: anytype) !void {
            try json.write(list.slice());
        }
    };
}

const Text = List(u8);
const Pairs = List([2]Text);
const Data = extern struct { is_some: bool, bytes: List(u8) };
pub const Request = extern struct { method: Text, path: List(Text), query: Pairs, protocol: Text, headers: Pairs, data: Data };
const Response = extern struct { protocol: Text, status: u16, headers: Pairs, data: Data };

/// What can go wrong is that there is no memory.
export fn exports_plugin_handle(request: *Request, args: *List(Text), response: *Response, _: *Text) bool {
    response.* = handle(request, args.*) catch @trap();
    return true;
}

pub fn handle(request: *const Request, args: List(Text)) !Response {
    const name = request.path.slice()[0].slice();
    if (std.mem.eql(u8, name, "hello")) return answer(200, .empty, "Hello world!");
    if (std.mem.eql(u8, name, "goodbye")) return answer(200, .empty, "Goodbye cruel world");
    if (std.mem.eql(u8, name, "request")) return describe(request, args);
    return answer(404, .empty, "");
}

fn answer(status: u16, headers: Pairs, text: []const u8) !Response {
    const data: Data = .{ .is_some = true, .bytes = try .of(text) };
    return .{ .protocol = try .of("HTTP/1.0"), .status = status, .headers = headers, .data = data };
}

/// All of a request as JSON. Each byte of its data becomes one character.
fn describe(request: *const Request, args: List(Text)) !Response {
    var data: ?std.ArrayList(u8) = if (request.data.is_some) .empty else null;
    if (data) |*text| for (request.data.bytes.slice()) |byte| {
        var buffer: [2]u8 = undefined;
        const len = try std.unicode.utf8Encode(byte, &buffer);
        try text.appendSlice(allocator, buffer[0..len]);
    };
    const json = try std.json.Stringify.valueAlloc(allocator, .{
        .method = request.method,
        .query = request.query,
        .headers = request.headers,
        .data = if (data) |text| text.items else null,
        .args = args,
    }, .{});
    return answer(200, try .of(&.{.{ try .of("Content-Type"), try .of("application/json") }}), json);
}
