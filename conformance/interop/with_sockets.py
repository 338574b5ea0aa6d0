"""Bare sockets, and python's websockets where they are, against an embedder of the engine: half-close, peers that are
slow or do not read, pipelining, and a WebSocket."""
import asyncio
import os
import select
import socket
import sys
import threading
import time

host, port = sys.argv[1].split("//")[1].split(":")


def connect():
    return socket.create_connection((host, int(port)), timeout=30)


def read_all(sock):
    got = b""
    while piece := sock.recv(65536):
        got += piece
    return got


def ok(what):
    print(f"  ok       {what}", flush=True)


def half_close():
    with connect() as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello"), answer
    ok("who has sent all he has to say is still answered, and then closed on")


def goodbye():
    with connect() as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    ok("nonsense is answered, half-closed, closed")


def pipeline(n):
    with connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * n)
        answers = b""
        while answers.count(b"Hello, World!\n") < n:
            piece = sock.recv(65536)
            assert piece, answers[-200:]
            answers += piece
    ok(f"{n} pipelined requests are answered, more than fit into an output")


def no_reader():
    with connect() as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        sock.setblocking(False)
        sent, piece = 0, b"x" * 65536
        while select.select([], [sock], [], 1)[1]:
            sent += sock.send(piece)
            assert sent < 64 << 20, "content goes in and nobody takes it out"
        # Whoever then reads gets all of it back, and room for more.
        back = 0
        while back < sent:
            assert select.select([sock], [], [], 20)[0], (sent, back)
            back += len(sock.recv(1 << 20))
        assert select.select([], [sock], [], 20)[1]
    ok(f"who does not read is not read from: after {sent >> 20} MiB, all of them in the buffers of sockets")


def too_many():
    # More than the server may have open: those who wait are answered when others have left.
    socks = [connect() for _ in range(180)]
    for sock in socks[:100]:
        sock.close()
    for sock in socks[100:]:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    for sock in socks[100:]:
        assert read_all(sock).endswith(b"Hello, World!\n")
        sock.close()
    ok("more connections than files are served one after the other")


def slow_head():
    begun = time.monotonic()
    with connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert 8 < time.monotonic() - begun < 20
    ok("a head that does not end is given up with 408")


def slow_preface():
    with connect() as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 408"), answer
    ok("so is a preface")


async def websocket():
    try:
        from websockets.asyncio.client import connect as open_websocket
    except ImportError:
        print("  MISSING  python's websockets", flush=True)
        return
    async with open_websocket(f"ws://{host}:{port}/ws", max_size=None, compression=None) as ws:
        for n in (0, 1, 125, 126, 65535, 65536, 1000000):
            for message in ("ä" * (n // 2), os.urandom(n)):
                await ws.send(message)
                assert await ws.recv() == message, n
        await ws.send(["in ", "several ", "pieces"])
        assert await ws.recv() == "in several pieces"
        await asyncio.wait_for(await ws.ping(b"there?"), 10)
        # Many at once, faster than they are read.
        await asyncio.gather(*(ws.send(b"%d" % n * 1000) for n in range(500)))
        assert [await ws.recv() for _ in range(500)] == [b"%d" % n * 1000 for n in range(500)]
        await ws.close(4321, "enough")
        assert ws.close_code == 4321, ws.close_code
    ok("websockets: messages, pieces, pings, closes")


slow = [threading.Thread(target=f) for f in (slow_head, slow_preface)]
failures = []
threading.excepthook = lambda args: (sys.__excepthook__(*args[:3]), failures.append(args))
for thread in slow:
    thread.start()
half_close()
goodbye()
pipeline(3000)
too_many()
no_reader()
asyncio.run(websocket())
for thread in slow:
    thread.join()
sys.exit(len(failures))
