const std = @import("std");
const handler = @import("handler.zig");

fn expect(status: u16, text: []const u8, path: []const u8) !void {
    const request: handler.Request = .{
        .method = try .of("GET"),
        .path = try .of(&.{try .of(path)}),
        .query = .empty,
        .protocol = try .of("HTTP/1.0"),
        .headers = .empty,
        .data = .{ .is_some = false, .bytes = .empty },
    };
    const response = try handler.handle(&request, .empty);
    try std.testing.expectEqual(status, response.status);
    try std.testing.expectEqualStrings(text, response.data.bytes.slice());
}

test "greets" {
    try expect(200, "Hello world!", "hello");
}

test "knows nothing else" {
    try expect(404, "", "");
}
