"""The requests that are sent to picohttp: the exact bytes, and why each is here.

A case that is not answered within the deadline is sent a second time by
`record.py`, with the client's half of the connection closed after the bytes.
"""

CASES = []


def case(name, why, request):
    CASES.append({"name": name, "why": why, "request": request})


def target(name, why, target):
    """A GET of this target, otherwise plain."""
    case("target: " + name, why, b"GET " + target + b" HTTP/1.0\r\n\r\n")


def first_line(name, why, line):
    """This request line, then the end of the head."""
    case("line: " + name, why, line + b"\r\n\r\n")


def head(name, why, lines):
    """A GET with these header lines; their line ends are part of them."""
    case("header: " + name, why, b"GET /seen HTTP/1.0\r\n" + lines + b"\r\n")


def length(name, why, lines, body=b"hello"):
    """A POST with these header lines (without the last line end) and this body."""
    case("length: " + name, why, b"POST /seen HTTP/1.0\r\n" + lines + b"\r\n\r\n" + body)


def body(name, why, body, extra=b""):
    """A POST with this body and its true length in bytes."""
    head = b"POST /seen HTTP/1.0\r\nContent-Length: %d\r\n" % len(body)
    case("body: " + name, why, head + extra + b"\r\n" + body)


def reply(name, why, target, method=b"GET"):
    """A request for one of the behaviours of `handler.py`."""
    case("reply: " + name, why, method + b" " + target + b" HTTP/1.0\r\n\r\n")


# --- methods ---------------------------------------------------------------------------------

for word in [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE"]:
    case("method: " + word.decode(), "a usual method", word + b" /seen HTTP/1.0\r\n\r\n")
case("method: lower case", "methods are as sent", b"get /seen HTTP/1.0\r\n\r\n")
case("method: unknown", "any token is a method", b"BREW /seen HTTP/1.0\r\n\r\n")
case("method: punctuation", "every mark a token may have", b"!#$%&'*+-.^_`|~ /seen HTTP/1.0\r\n\r\n")
case("method: not a token", "brackets and quotes", b'(G"E"T) /seen HTTP/1.0\r\n\r\n')
case("method: very long", "1000 letters", b"A" * 1000 + b" /seen HTTP/1.0\r\n\r\n")
case("method: UTF-8", "not ASCII", "GÉT /seen HTTP/1.0\r\n\r\n".encode())
case("method: after a byte order mark", "as some editors write", b"\xef\xbb\xbfGET /seen HTTP/1.0\r\n\r\n")
case("method: HEAD", "the answer has a body all the same", b"HEAD /seen HTTP/1.0\r\n\r\n")
case("method: OPTIONS *", "the server as a whole", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
case("method: CONNECT", "the authority form", b"CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n")

# --- targets: the path -----------------------------------------------------------------------

target("/", "the root is one empty segment", b"/")
target("//", "only slashes", b"//")
target("///", "only slashes, more", b"///")
target("one segment", "the plain case", b"/a")
target("segments", "the plain case", b"/a/b/c")
target("trailing slash", "stripped", b"/a/b/")
target("many slashes", "outer ones are stripped, inner ones kept", b"///a///b//")
target("no leading slash", "the same path as with one", b"a/b")
target("dots", "not resolved", b"/a/./b/../c")
target("only dots", "not resolved", b"/../../etc/passwd")
target("%2F", "not decoded", b"/a%2Fb")
target("%2f..", "not decoded", b"/%2e%2e%2fa")
target("%00", "not decoded", b"/a%00b")
target("%zz", "not an escape", b"/a%zz")
target("% at the end", "half an escape", b"/a%")
target("%20 and +", "not decoded in a path", b"/a%20b+c")
target("UTF-8", "raw, two bytes for each letter", "/grüße/日本".encode())
target("ISO-8859-1", "raw, not UTF-8", b"/gr\xfc\xdfe")
target("NUL", "raw", b"/a\x00b")
target("control bytes", "raw", b"/a\x01\x1b[31m\x7f")
target("tab", "raw", b"/a\tb")
target("fragment", "a client should not send one", b"/a#b")
target("fragment before a query", "by the standard all of it is the fragment", b"/a#b?c=d")
target("semicolon", "parameters of a segment", b"/a;x=1/b")
target("colon and at", "marks of an authority", b"/a:b@c")
target("backslash", "not a slash", b"/a\\b")
target("quotes and brackets", "raw", b"/\"a\"<b>{c}|d|^`")
target("absolute form", "as to a proxy", b"http://host/p/q")
target("absolute form, port and query", "as to a proxy", b"http://host:8080/p?a=1")
target("absolute form, no path", "as to a proxy", b"http://host")
case("target: absolute form, another Host", "the header says something else",
     b"GET http://host/p HTTP/1.1\r\nHost: other\r\n\r\n")
target("*", "not with OPTIONS", b"*")
target("very long", "8000 bytes", b"/" + b"a" * 7999)
target("very many segments", "1000", b"/a" * 1000)

# --- targets: the query ----------------------------------------------------------------------

target("query", "the plain case", b"/p?a=1&b=2")
target("query on the root", "the plain case", b"/?a=1")
target("query only", "no path at all", b"?a=1")
target("path ends in a slash before the query", "stripped", b"/p/?a=1")
target("slashes in the query", "not part of the path", b"/p?a=/b/c/")
target("?", "an empty query", b"/p?")
target("? alone", "neither path nor query", b"?")
target("?a", "a name without =", b"/p?a")
target("?a/", "a name without =, and a slash", b"/p?a/b/")
target("?a=", "an empty value", b"/p?a=")
target("?=b", "an empty name", b"/p?=b")
target("?=", "both empty", b"/p?=")
target("?a=b=c", "a second =", b"/p?a=b=c")
target("?a==", "base64 padding", b"/p?token=YWI==")
target("?a=1&a=2", "a name twice", b"/p?a=1&a=2")
target("?b=1&a=2&b=3", "a name twice, and the order", b"/p?b=1&a=2&b=3")
target("?a&b", "two names without =", b"/p?a&b")
target("?a=1&b", "one with, one without =", b"/p?a=1&b")
target("?&", "empty items", b"/p?&")
target("?a=1&&b=2", "an empty item", b"/p?a=1&&b=2")
target("?a=1&", "an empty item at the end", b"/p?a=1&")
target("two ?", "by the standard the second is part of the value", b"/p?a=1?b=2")
target("?? at once", "by the standard the second is part of the name", b"/p??a=1")
target("query + and %20", "not decoded", b"/p?a+b=c%20d")
target("query %26 and %3D", "not decoded before splitting", b"/p?a%3Db=c%26d")
target("query ;", "not a separator", b"/p?a=1;b=2")
target("query UTF-8", "raw", "/p?ä=ö".encode())
target("query ISO-8859-1", "raw, not UTF-8", b"/p?\xe4=\xf6")
target("query with a URL", "a value with : and /", b"/p?u=http://host/a")
target("query with a fragment", "kept", b"/p?a=1#b")
target("query brackets", "names as PHP and Rails have them", b"/p?a[]=1&a[]=2&b[c]=3")
target("query very long", "a value of 8000 bytes", b"/p?a=" + b"b" * 8000)
target("query very many items", "500", b"/p?" + b"&".join(b"a%d=%d" % (n, n) for n in range(500)))

# --- request lines ---------------------------------------------------------------------------

first_line("HTTP/1.1", "answered as HTTP/1.0", b"GET /seen HTTP/1.1")
first_line("HTTP/2.0", "any version", b"GET /seen HTTP/2.0")
first_line("HTTP/0.9", "as a word", b"GET /seen HTTP/0.9")
first_line("lower-case protocol", "as sent", b"GET /seen http/1.1")
first_line("FOO/9", "another protocol", b"GET /seen FOO/9")
first_line("no protocol", "the style of HTTP/0.9, but with the end of a head", b"GET /seen")
case("line: no protocol, no end of head", "the style of HTTP/0.9", b"GET /seen\r\n")
first_line("no target", "one word", b"GET")
first_line("no target, a space", "one word and a space", b"GET ")
first_line("no target, protocol", "two spaces: an empty target", b"GET  HTTP/1.0")
first_line("double space before the target", "an empty target", b"GET  /seen HTTP/1.0")
first_line("double space before the protocol", "an empty protocol", b"GET /seen  HTTP/1.0")
first_line("leading space", "an empty method", b" GET /seen HTTP/1.0")
first_line("trailing space", "an empty fourth word", b"GET /seen HTTP/1.0 ")
first_line("four words", "the fourth is dropped", b"GET /seen HTTP/1.0 more")
first_line("a space in the target", "the protocol is the rest of it", b"GET /a b HTTP/1.0")
first_line("tabs", "not separators", b"GET\t/seen\tHTTP/1.0")
first_line("tab in the protocol", "as sent", b"GET /seen HTTP/1.0\t")
first_line("a colon", "what looks like a header", b"Host: a")
case("line: empty line first", "the request line becomes a header", b"\r\nGET /seen HTTP/1.0\r\n\r\n")
case("line: two empty lines", "no request line at all", b"\r\n\r\n")
case("line: nothing", "not a byte is sent", b"")
case("line: cut", "the head is not finished", b"GET /se")
case("line: cut in the headers", "the head is not finished", b"GET /seen HTTP/1.0\r\nA: b\r\nC: d")
case("line: no end of head", "the empty line is missing", b"GET /seen HTTP/1.0\r\nA: b\r\n")

# --- line ends -------------------------------------------------------------------------------

case("ends: LF", "bare LF", b"GET /seen HTTP/1.0\nA: b\nC: d\n\n")
case("ends: CR", "bare CR, the last one cannot be told from half a CRLF", b"GET /seen HTTP/1.0\rA: b\rC: d\r\r")
case("ends: CR and a byte", "bare CR, and something after it", b"GET /seen HTTP/1.0\rA: b\rC: d\r\rx")
case("ends: mixed", "each line another", b"GET /seen HTTP/1.0\nA: b\r\nC: d\rE: f\n\r\n")
case("ends: LF CR", "the wrong way round", b"GET /seen HTTP/1.0\n\rA: b\n\r\n\r")
case("ends: CR CR LF", "one CR too many: an empty line", b"GET /seen HTTP/1.0\r\r\nA: b\r\n\r\n")
case("ends: CR in a target", "a line end", b"GET /a\rb HTTP/1.0\r\n\r\n")
case("ends: other line ends", "VT, FF, NEL, LS are not line ends", "GET /a\x0bb\x0cc\x85d\u2028e HTTP/1.0\r\n\r\n".encode())

# --- headers ---------------------------------------------------------------------------------

head("none", "no header at all", b"")
head("two", "the plain case", b"Host: localhost\r\nAccept: */*\r\n")
head("names as sent", "the case of names is kept", b"host: a\r\nX-CamelCase: b\r\nSHOUT: c\r\n")
head("many", "100", b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(100)))
head("very many", "1000", b"".join(b"%d:\r\n" % n for n in range(1000)))
head("duplicates", "same name, same case", b"A: 1\r\nB: 2\r\nA: 3\r\n")
head("duplicates differing in case", "two names", b"Accept: 1\r\naccept: 2\r\nACCEPT: 3\r\n")
head("cookies", "two lines of one list", b"Cookie: a=1\r\nCookie: b=2\r\n")
head("empty value", "nothing after the colon", b"A:\r\nB: \r\n")
head("port in Host", "a value with a colon", b"Host: localhost:8080\r\n")
head("IPv6 in Host", "a value with colons", b"Host: [::1]:8080\r\n")
head("URL", "a value with a colon", b"Referer: http://host/p?a=b\r\nA: 1\r\n")
head("date", "a value with colons", b"Date: Tue, 01 Jan 2030 10:20:30 GMT\r\n")
head("no space after the colon", "white space is optional", b"A:b\r\n")
head("white space around the value", "spaces and tabs are not part of it", b"A: \t b c \t \r\n")
head("no-break space around the value", "Python strips it as white space", "A: \u00a0b\u00a0\r\n".encode())
head("VT and FF around the value", "Python strips them as white space", b"A: \x0bb\x0c\x1f\r\n")
head("space before the colon", "forbidden since it was used to smuggle", b"A : b\r\n")
head("space before the name", "on the first line there is nothing to continue", b" A: b\r\n")
head("space within the name", "not a token", b"A B: c\r\n")
head("name that is not a token", "brackets and quotes", b"(\"A\"): b\r\n")
head("name of UTF-8", "not ASCII", "Grüße: b\r\n".encode())
head("no colon", "a name only", b"A\r\nB: c\r\n")
head("empty name", "a line that starts with a colon", b"A: 1\r\n: x\r\nB: 2\r\n")
head("blank name", "a space, then a colon", b"A: 1\r\n : x\r\nB: 2\r\n")
head("blank line", "a space only", b"A: 1\r\n \r\nB: 2\r\n")
head("continuation", "obs-fold", b"A: b\r\n c\r\nD: e\r\n")
head("continuation with a colon", "looks like a header", b"A: b\r\n\tC: d\r\nE: f\r\n")
head("UTF-8 value", "two bytes for each letter", "A: grüße\r\n".encode())
head("ISO-8859-1 value", "not UTF-8", b"A: gr\xfc\xdfe\r\n")
head("NUL in a value", "raw", b"A: b\x00c\r\n")
head("NUL in a name", "raw", b"A\x00B: c\r\n")
head("control bytes in a value", "raw", b"A: \x01\x1b[31m\x7fz\r\n")
head("CR in a value", "a line end", b"A: b\rC: d\r\n")
head("very long value", "8000 bytes", b"A: " + b"b" * 8000 + b"\r\n")
head("very long name", "8000 bytes", b"A" * 8000 + b": b\r\n")
head("keep-alive", "closed all the same", b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n")
head("upgrade", "not done", b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
head("cookie with =", "only the colon separates", b"Cookie: a=b; c=d==\r\n")
case("header: HTTP/1.1 without Host", "forbidden there", b"GET /seen HTTP/1.1\r\n\r\n")
case("header: two Host", "forbidden", b"GET /seen HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
case("header: HTTP/1.1 keep-alive by default", "closed all the same", b"GET /seen HTTP/1.1\r\nHost: a\r\n\r\n")

# --- the length of the body ------------------------------------------------------------------

length("exact", "the plain case", b"Content-Length: 5")
length("0", "an empty body, not none", b"Content-Length: 0", b"")
length("0, and bytes", "they are not read", b"Content-Length: 0")
length("none, and bytes", "they are not read", b"A: b")
length("none", "no body", b"A: b", b"")
length("shorter than the body", "cut", b"Content-Length: 3")
length("longer than the body", "waits for the rest", b"Content-Length: 9")
length("longer than no body", "waits for the rest", b"Content-Length: 9", b"")
length("lower case", "the same header by the standard, and what HTTP/2 gateways send", b"content-length: 5")
length("upper case", "the same header by the standard", b"CONTENT-LENGTH: 5")
length("+5", "a sign", b"Content-Length: +5")
length("-1", "negative", b"Content-Length: -1")
length("-5", "negative", b"Content-Length: -5")
length("-0", "a sign", b"Content-Length: -0")
length("005", "leading zeros", b"Content-Length: 005")
length("1_0", "Python's own number format", b"Content-Length: 1_0", b"0123456789")
length("spaces around", "not part of the value", b"Content-Length:   5  ")
length("tabs around", "not part of the value", b"Content-Length:\t5\t")
length("no space", "white space is optional", b"Content-Length:5")
length("space before the colon", "forbidden since it was used to smuggle", b"Content-Length : 5")
length("space before the name", "obs-fold of the line before", b"A: b\r\n Content-Length: 5")
length("space within", "two numbers", b"Content-Length: 5 5")
length("abc", "not a number", b"Content-Length: abc")
length("empty", "not a number", b"Content-Length:")
length("no colon", "not a number", b"Content-Length")
length("5.0", "not a whole number", b"Content-Length: 5.0")
length("5e0", "not a whole number", b"Content-Length: 5e0")
length("0x5", "hexadecimal", b"Content-Length: 0x5")
length("5:7", "a second colon", b"Content-Length: 5:7")
length("5;x", "a parameter", b"Content-Length: 5;x")
length("quoted", "not a number", b'Content-Length: "5"')
length("Arabic digit", "a digit, but not ASCII", "Content-Length: ٥".encode())
length("10^18", "more than any memory", b"Content-Length: 1000000000000000000")
length("10^20", "more than 64 bits", b"Content-Length: 100000000000000000000")
length("twice, equal", "duplicates", b"Content-Length: 5\r\nContent-Length: 5")
length("twice, different", "the last one counts", b"Content-Length: 5\r\nContent-Length: 3")
length("twice, different, the first shorter", "the last one counts", b"Content-Length: 3\r\nContent-Length: 5")
length("twice, different case", "duplicates by the standard", b"Content-Length: 3\r\ncontent-length: 5")
length("list", "two in one line", b"Content-Length: 5, 5")
length("before an empty name", "the rest of the head becomes the body", b"Content-Length: 5\r\n: x\r\nA: b")
length("chunked", "not decoded", b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n")
length("chunked and a length", "the length counts", b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"5\r\nhello\r\n0\r\n\r\n")
length("unknown transfer coding", "not looked at", b"Transfer-Encoding: gzip\r\nContent-Length: 5")
length("content coding", "not looked at", b"Content-Encoding: gzip\r\nContent-Length: 5")
length("expect", "the client does not wait", b"Expect: 100-continue\r\nContent-Length: 5")
length("expect, and wait", "the client waits for 100 before the body", b"Expect: 100-continue\r\nContent-Length: 5", b"")
length("in characters", "7 characters, 9 bytes", b"Content-Length: 7", "grüße!!".encode())

# --- bodies ----------------------------------------------------------------------------------

body("text", "the plain case", b"hello world")
body("LF", "lines", b"a\nb\n")
body("CRLF", "lines", b"a\r\nb\r\n")
body("CR", "bare, in the middle", b"a\rb")
body("CR at the end", "bare, cannot be told from half a CRLF", b"ab\r")
body("UTF-8", "more bytes than characters", "grüße".encode())
body("UTF-8, four bytes", "one character", "😀".encode())
body("not UTF-8", "ISO-8859-1", b"gr\xfc\xdfe")
body("binary", "the start of a PNG file", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
body("NULs", "three", b"\x00\x00\x00")
body("all ASCII", "but CR", bytes(n for n in range(128) if n != 13))
body("form", "not split", b"a=1&b=c%20d+e", b"Content-Type: application/x-www-form-urlencoded\r\n")
body("JSON", "not parsed", b'{"a": [1, 2, {"b": null}]}', b"Content-Type: application/json\r\n")
body("multipart", "its lines end in CRLF", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n",
     b"Content-Type: multipart/form-data; boundary=x\r\n")
body("ten thousand bytes", "more than one read", b"0123456789" * 1000)
case("body: GET", "a body with a method that seldom has one", b"GET /seen HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
case("body: HEAD", "a body with a method that seldom has one", b"HEAD /seen HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
case("body: LF head", "after a head of bare LF", b"POST /seen HTTP/1.0\nContent-Length: 5\n\nhello")

# --- the connection --------------------------------------------------------------------------

case("connection: pipelined", "the second request is not answered",
     b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
case("connection: pipelined after a body", "the second request is not answered",
     b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n")
case("connection: keep-alive, pipelined", "the second request is not answered",
     b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
case("connection: TLS", "the start of a ClientHello",
     b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(range(0x80, 0xA0)) + b"\x20")
case("connection: HTTP/2 preface", "prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
case("connection: PROXY", "a load balancer's first line", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /seen HTTP/1.0\r\n\r\n")
case("connection: SSH", "another protocol's greeting", b"SSH-2.0-OpenSSH_9.6\r\n")

# --- what the handler sets -------------------------------------------------------------------

for status in [200, 201, 202, 204, 205, 206, 299, 301, 304, 400, 401, 404, 405, 418, 429, 451,
               500, 501, 502, 503, 504, 511, 599, 600, 799, 999]:
    reply("status %d" % status, "any status is sent", b"/status/%d" % status)
for status in [b"0", b"99", b"100", b"101", b"199", b"1000", b"65535"]:
    reply("status " + status.decode(), "outside of 200 to 999", b"/status/" + status)
reply("status 404, POST", "the method does not matter", b"/status/404", b"POST")
reply("status 404, a query", "the handler finds its path as without one", b"/status/404?a=1")
reply("status 404, a query without =", "the handler does not find its path", b"/status/404?a")
reply("header", "the plain case", b"/header/X-Test/value")
reply("header, slashes", "the value has two", b"/header/Location/a/b/c")
reply("header, name as set", "the case of names is kept", b"/header/x-TEST/value")
reply("header, empty value", "nothing after the colon", b"/header/X-Test")
reply("header, empty name", "breaks the answer's head", b"/header//value")
reply("header, a colon in the name", "breaks the answer's head", b"/header/X:Y/value")
reply("header, not a token", "brackets in the name", b"/header/X(Y)/value")
reply("header, UTF-8 value", "not ASCII", "/header/X-Test/grüße".encode())
reply("header, UTF-8 name", "not ASCII", "/header/Grüße/value".encode())
reply("header, NUL in the value", "breaks the answer's head", b"/header/X-Test/a\x00b")
reply("header, NUL in the name", "breaks the answer's head", b"/header/X\x00Y/value")
reply("header, tab in the value", "allowed", b"/header/X-Test/a\tb")
reply("header, escape in the value", "a control byte", b"/header/X-Test/a\x1bb")
reply("header, Content-Type", "nothing is set by the server", b"/header/Content-Type/text%2Fplain")
reply("header, Content-Length", "the server's own", b"/header/Content-Length/999")
reply("header, content-length", "the server's own, in another case", b"/header/content-length/999")
reply("header, Connection", "the server's own", b"/header/Connection/keep-alive")
reply("header, connection", "the server's own, in another case", b"/header/connection/keep-alive")
reply("header, Transfer-Encoding", "breaks the framing", b"/header/Transfer-Encoding/chunked")
reply("header, Date", "nothing is set by the server", b"/header/Date/today")
reply("raise", "500 with the text and a line end", b"/raise/oops")
reply("raise, slashes", "the text has one", b"/raise/oops/again")
reply("raise, nothing", "an empty text", b"/raise")
reply("raise, UTF-8", "more bytes than characters", "/raise/grüße".encode())
reply("raise, HEAD", "the answer has a body all the same", b"/raise/oops", b"HEAD")
reply("protocol HTTP/1.1", "the handler may set it", b"/protocol/HTTP/1.1")
reply("protocol HTTP/2", "the handler may set it", b"/protocol/HTTP/2")
reply("protocol FOO", "the handler may set it", b"/protocol/FOO")
reply("protocol, empty", "breaks the answer's first line", b"/protocol")
reply("protocol, tab", "breaks the answer's first line", b"/protocol/A\tB")
reply("protocol, NUL", "breaks the answer's first line", b"/protocol/A\x00B")
reply("protocol, UTF-8", "not ASCII", "/protocol/grüße".encode())
reply("data", "the plain case", b"/data/hello")
reply("data, slashes", "the text has one", b"/data/hello/world")
reply("data, empty", "empty is the same as none", b"/data")
reply("data, UTF-8", "more bytes than characters", "/data/grüße".encode())
reply("data, HEAD", "the answer has a body all the same", b"/data/hello", b"HEAD")
reply("data, long", "8000 bytes", b"/data/" + b"a" * 8000)
reply("bytes", "not text", b"/bytes")
reply("length", "the server's own headers win", b"/length")
reply("empty", "the defaults", b"/empty")
reply("empty, HEAD", "the defaults", b"/empty", b"HEAD")
reply("behaviour in another case", "not a behaviour: what was seen", b"/DATA/hello")
