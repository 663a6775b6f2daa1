"""Records what the Python package picohttp 0.0.5 does, as a fixture for the tests here.

    python3 tests/parity/record.py

installs the package in a temporary folder, runs its HttpServer with the
handler of `handler.py`, sends it the bytes of every case of `cases.py` over
TCP and writes `fixture.json` beside this file. It takes about a minute, most
of it waiting for requests that are never answered.

With `--check` the fixture is not written but compared: the exit code is 1 if
it would change.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import venv

sys.dont_write_bytecode = True

from cases import CASES
from handler import compact

HERE = pathlib.Path(__file__).resolve().parent
FIXTURE = HERE / "fixture.json"
PACKAGES = ["picohttp==0.0.5", "rutifu==0.0.8"]
DEADLINE = 1.0  # seconds without a byte or an end, after which a connection counts as hung


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        python = install(folder / "venv")
        log = folder / "log"
        log.touch()
        server, port = start(python, log)
        try:
            records = list(record_all(port, log))
        finally:
            server.kill()
            server.wait()
    text = fixture(records)
    count = {o: sum(r["outcome"] == o for r in records) for o in ("answered", "closed", "hung")}
    print(len(records), "cases:", ", ".join(f"{n} {o}" for o, n in count.items()))
    if "--check" in sys.argv[1:]:
        same = FIXTURE.read_text(encoding="ascii") == text
        print("the fixture", "is up to date" if same else "differs")
        sys.exit(0 if same else 1)
    FIXTURE.write_text(text, encoding="ascii", newline="\n")


def install(folder):
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run(pip + PACKAGES, check=True)
    return python


def start(python, log):
    # picohttp decodes with the locale's encoding: make that UTF-8 wherever this runs
    environment = dict(os.environ, PYTHONUTF8="1", PYTHONDONTWRITEBYTECODE="1")
    command = [python, HERE / "handler.py", log]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline())


def record_all(port, log):
    names = set()
    for case in CASES:
        assert case["name"] not in names, "two cases are named " + case["name"]
        names.add(case["name"])
        record = record_one(port, log, case, half_close=False)
        yield record
        if record["outcome"] == "hung":
            # What was it waiting for? Send it again, and then the end of the input.
            yield record_one(port, log, case, half_close=True)


def record_one(port, log, case, half_close):
    with socket.create_connection(("127.0.0.1", port)) as client:
        name = client.getsockname()[1]
        raw, ended = exchange(client, case["request"], half_close)
        # Read before this end is closed: what closing a hung connection causes is not recorded.
        noted = noted_about(name, log)
        if "error" in noted and not ended:
            # The connection's thread has died, but the loop that accepts still holds the socket:
            # it is closed when the next client connects, and not before.
            socket.create_connection(("127.0.0.1", port)).close()
            raw, ended = receive(client)
    assert ended or not raw, case["name"] + ": an answer without an end"
    seen = noted.get("seen")
    return {
        "name": case["name"] + (" / half-closed" if half_close else ""),
        "why": case["why"],
        "request": case["request"].decode("latin-1"),
        "half_close": half_close,
        "outcome": "answered" if raw else "closed" if ended else "hung",
        "error": noted.get("error"),
        "seen": seen,
        "answer": answer(raw, seen) if raw else None,
    }


def noted_about(name, log):
    noted = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.pop("client") == name:
            noted.update(entry)
    log.write_text("")
    return noted


def exchange(client, request, half_close):
    """Sends the request; returns all that came back, and whether the connection was ended."""
    client.settimeout(DEADLINE)
    try:
        client.sendall(request)
        if half_close:
            client.shutdown(socket.SHUT_WR)
    except ConnectionError:
        pass  # closed before it read everything; what it had to say can still be received
    return receive(client)


def receive(client):
    raw = b""
    try:
        while chunk := client.recv(65536):
            raw += chunk
    except TimeoutError:
        return raw, False
    except ConnectionError:
        pass  # closed with some of the request unread; what was sent before has arrived
    return raw, True


def answer(raw, seen):
    head, body = raw.split(b"\n\n", 1)
    first, *lines = head.decode("latin-1").split("\n")
    protocol, status, reason = first.split(" ", 2)
    headers = [line.split(": ", 1) for line in lines]
    again = "\n".join([first] + [": ".join(header) for header in headers]) + "\n\n"
    assert again.encode("latin-1") + body == raw, "the fixture would lose something"
    echo = seen is not None and body == compact(seen).encode()
    return {
        "protocol": protocol,
        "status": int(status),
        "reason": reason,
        "headers": headers,
        "body": None if echo else body.decode("latin-1"),
    }


def fixture(records):
    """JSON with one block for each case and one line for each of its members."""
    blocks = []
    for record in records:
        members = [f'      {json.dumps(key)}: {json.dumps(value)}' for key, value in record.items()]
        blocks.append("    {\n" + ",\n".join(members) + "\n    }")
    packages = json.dumps(PACKAGES)
    return '{\n  "recorded": ' + packages + ',\n  "cases": [\n' + ",\n".join(blocks) + "\n  ]\n}\n"


if __name__ == "__main__":
    main()
