//! Does what its path says.

const std = @import("std");

pub const panic = std.debug.no_panic;

fn List(Item: type) type {
    return extern struct { ptr: [*]const Item, len: usize };
}

const Text = List(u8);
const Pairs = List([2]Text);
const Data = extern struct { is_some: bool, bytes: List(u8) };
const Request = extern struct { method: Text, path: List(Text), query: Pairs, protocol: Text, headers: Pairs, data: Data };
const Response = extern struct { protocol: Text, status: u16, headers: Pairs, data: Data };

const Way = enum { mirror, count, @"error", loop, hoard, panic };

var count: u16 = 0;

export fn exports_plugin_handle(request: *Request, _: *List(Text), response: *Response, message: *Text) bool {
    const path = request.path.ptr[0];
    response.* = .{
        .protocol = request.protocol,
        .status = 299,
        .headers = .{ .ptr = request.headers.ptr, .len = 0 },
        .data = .{ .is_some = false, .bytes = undefined },
    };
    switch (std.meta.stringToEnum(Way, path.ptr[0..path.len]) orelse .panic) {
        .mirror => {
            response.headers = request.headers;
            response.data = request.data;
        },
        .count => {
            count += 1;
            response.status += count;
        },
        .@"error" => {
            const text = std.heap.c_allocator.dupe(u8, "an error: é") catch @trap();
            message.* = .{ .ptr = text.ptr, .len = text.len };
            return false;
        },
        .loop => while (true) std.mem.doNotOptimizeAway(count),
        .hoard => while (true) {
            const block = std.heap.c_allocator.alloc(u8, 1 << 16) catch @trap();
            std.mem.doNotOptimizeAway(block.ptr);
        },
        .panic => @panic("as asked"),
    }
    return true;
}
