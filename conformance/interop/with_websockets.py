"""python's websockets, as the client of `avx serve` or as the server of `avx ws`."""
import asyncio
import os
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def client(url):
    for compression in (None, "deflate"):
        async with connect(url + "/ws", compression=compression, max_size=None) as socket:
            extension = socket.response.headers.get("Sec-WebSocket-Extensions", "")
            assert ("permessage-deflate" in extension) == (compression is not None), extension
            for n in (0, 1, 125, 126, 65535, 65536, 1000000):
                for message in ("ä" * (n // 2), os.urandom(n), b"a" * n):
                    await socket.send(message)
                    assert await socket.recv() == message, n
            await socket.send(["in ", "", "several ", "pieces"])
            assert await socket.recv() == "in several pieces"
            # Piece by piece: what was sent comes back before the message ends.
            first_is_back = asyncio.Event()

            async def pieces():
                yield b"first"
                await asyncio.wait_for(first_is_back.wait(), 10)
                yield b"second"

            async def hear():
                heard = []
                async for piece in socket.recv_streaming():
                    heard.append(piece)
                    first_is_back.set()
                return b"".join(heard)

            _, heard = await asyncio.gather(socket.send(pieces()), hear())
            assert heard == b"firstsecond", heard
            await asyncio.wait_for(await socket.ping(b"there?"), 10)
            await socket.close(4321, "enough")
            assert socket.close_code == 4321, socket.close_code
    try:
        async with connect(url + "/ws/chat", origin="http://elsewhere.example"):
            raise AssertionError("let in")
    except websockets.InvalidStatus as refusal:
        assert refusal.response.status_code == 403


async def server():
    async def serve_one(socket):
        if socket.request.path == "/refuse":
            await socket.close(4001, "go away")
            return
        async for message in socket:
            await socket.send(message)

    def choose(_, offered):
        return "b" if "b" in offered else None

    async with serve(serve_one, "127.0.0.1", 0, subprotocols=["b"], select_subprotocol=choose, max_size=None) as running:
        port = running.sockets[0].getsockname()[1]
        print(f"ws://127.0.0.1:{port}", flush=True)
        await running.serve_forever()


asyncio.run(client(sys.argv[2]) if sys.argv[1] == "client" else server())
