"""An app with every habit that a front door meets. Run as a program; speaks HTTP by hand.

What it waits for is another request: ``/open`` lets go whoever waits in ``/gate`` or ``/stream``.
"""

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
import time

GATE = asyncio.Event()
SEEN = {"connections": 0, "requests": 0, "gone": 0, "waiting": 0}


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    return first.split(" "), [line.split(": ", 1) for line in lines]


async def body_parts(reader, fields):
    if fields.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            yield await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        left = int(fields.get("content-length", 0))
        while left:
            data = await reader.read(min(left, 65536))
            if not data:
                raise ConnectionError("cut")
            left -= len(data)
            yield data


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def answer(body, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def handle(reader, writer, method, target, headers):
    """Answers one request; returns whether the connection is kept."""
    fields = {name.lower(): value for name, value in headers}
    path, _, query = target.partition("?")
    if path == "/echo-stream":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        async for data in body_parts(reader, fields):
            writer.write(chunk(data))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True
    if path == "/refuse-body":
        writer.write(answer(b"no", "417 Expectation Failed"))
        return False
    if path == "/early":
        writer.write(answer(b"early"))
        async for _ in body_parts(reader, fields):
            SEEN["after early"] = True
        return True
    if fields.get("expect") == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    digest, size = hashlib.sha256(), 0
    async for data in body_parts(reader, fields):
        digest.update(data)
        size += len(data)
    if path == "/request":
        document = {
            "method": method, "target": target, "headers": headers, "size": size,
            "sha256": digest.hexdigest(), "env": dict(os.environ), "pid": os.getpid(),
        }  # fmt: skip
        writer.write(answer(json.dumps(document).encode(), "200 OK", "X-App: 1", "Server: mine"))
    elif path == "/seen":
        writer.write(answer(json.dumps(SEEN).encode()))
    elif path == "/open":
        GATE.set()
        writer.write(answer(b"opened"))
    elif path == "/gate":
        SEEN["waiting"] += 1
        gate = asyncio.ensure_future(GATE.wait())
        closed = asyncio.ensure_future(reader.read(1))
        await asyncio.wait((gate, closed), return_when=asyncio.FIRST_COMPLETED)
        SEEN["waiting"] -= 1
        if closed.done():
            SEEN["gone"] += 1
            return False
        closed.cancel()
        await asyncio.wait((closed,))
        writer.write(answer(os.environ["K_REVISION"].encode()))
    elif path == "/stream":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first"))
        await GATE.wait()
        writer.write(chunk(b"last") + b"0\r\nX-Trailer: 1\r\n\r\n")
    elif path == "/until-close":
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it")
        return False
    elif path == "/revision":
        writer.write(answer(os.environ["K_REVISION"].encode()))
    elif path == "/cookie":
        writer.write(answer(b"", "200 OK", "Set-Cookie: a=1", "Cache-Control: max-age=60"))
    elif path == "/twice":
        writer.write(answer(b"asked") + answer(b"not asked")[: int(query)])
    elif path == "/nothing":
        writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
    elif path == "/not-modified":
        writer.write(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\n")
    elif path == "/hints":
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"after"))
    elif path == "/head":
        body = b"" if method == "HEAD" else b"hello"
        writer.write(answer(b"hello")[: None if body else -5])
    elif path == "/hop":
        writer.write(answer(b"", "200 OK", "Connection: X-Mine", "X-Mine: 1", "Keep-Alive: x"))
    elif path == "/garbage":
        writer.write(b"this is not HTTP\r\n\r\n")
        return False
    elif path == "/silent":
        return False
    elif path == "/half":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return False
    elif path == "/big":
        size = int(query)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(bytes(size))
    elif path == "/big-stream":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(query)):
            writer.write(chunk(bytes(1024 * 1024)))
            await writer.drain()
            SEEN["sent"] = SEEN.get("sent", 0) + 1
        writer.write(b"0\r\n\r\n")
    elif path == "/health":
        well = not SEEN.get("ill")
        SEEN["header"] = int(fields.get("x-probe", 0))
        writer.write(answer(b"", "200 OK" if well else "503 Service Unavailable"))
    elif path == "/ill":
        SEEN["ill"] = bool(int(query))
        writer.write(answer(b""))
    elif path == "/accent":
        writer.write("HTTP/1.1 200 OK\r\nX-Name: Andr\xe9\r\n\r\n".encode("latin-1"))
    elif path == "/exit":
        os._exit(int(query))
    elif path == "/print":
        print(query, flush=True)
        print(json.dumps({"severity": "warning", "message": "told", "n": 1}), flush=True)
        print("to stderr", file=sys.stderr, flush=True)
        writer.write(answer(b""))
    elif path == "/chat" and fields.get("upgrade") == "websocket":
        await chat(reader, writer, fields["sec-websocket-key"])
        return False
    elif path == "/close-idle":
        writer.write(answer(b"once"))
        await writer.drain()
        return False
    else:
        writer.write(answer(b"nothing here", "404 Not Found"))
    return True


async def chat(reader, writer, key):
    """Echoes WebSocket messages below 126 bytes."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    while True:
        opcode, size = await reader.readexactly(2)
        size &= 127
        mask = await reader.readexactly(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(await reader.readexactly(size)))
        writer.write(bytes([opcode, size]) + data)
        if opcode & 15 == 8:
            break


async def serve(reader, writer):
    SEEN["connections"] += 1
    try:
        keep = True
        while keep:
            (method, target, _), headers = await read_head(reader)
            SEEN["requests"] += 1
            keep = await handle(reader, writer, method, target, headers)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    mode = os.environ.get("START", "")
    if mode == "exit":
        print("cannot go on", file=sys.stderr, flush=True)
        sys.exit(3)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "graceful":
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: (print("goodbye", flush=True), sys.exit()))
    if mode == "deaf":
        await asyncio.Event().wait()
    server = await asyncio.start_server(
        serve,
        os.environ.get("HOST", "127.0.0.1"),
        int(os.environ["LISTEN"]),
        backlog=200,
        reuse_address=True,
    )
    print("listening", flush=True)
    await server.serve_forever()


while "START_GATE" in os.environ and not os.path.exists(os.environ["START_GATE"]):
    time.sleep(0.01)
asyncio.run(main())
