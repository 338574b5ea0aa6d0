"""httpx against avx: HTTP/2 by prior knowledge, many requests on one connection, and HTTP/1.1 beside them."""
import asyncio
import sys

import httpx

URL = sys.argv[1]


async def main():
    async with httpx.AsyncClient(http1=False, http2=True) as client, httpx.AsyncClient() as plain:
        answers = await asyncio.gather(*(client.get(f"{URL}/bytes/{n * 1000}") for n in range(50)))
        assert all(a.http_version == "HTTP/2" and len(a.content) == n * 1000 for n, a in enumerate(answers))
        echoed = await client.post(f"{URL}/echo", content=b"x" * 300_000)
        assert echoed.content == b"x" * 300_000
        assert (await client.get(f"{URL}/status/404")).status_code == 404
        assert (await plain.get(f"{URL}/plaintext")).http_version == "HTTP/1.1"


asyncio.run(main())
