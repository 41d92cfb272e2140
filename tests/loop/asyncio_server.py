#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""An asyncio server that reads requests at once; POOL of them at a time wait MS for a database, the others queue inside.

    asyncio_server.py PORT POOL MS

Capacity is POOL / MS. Started by tests/loop/loop.py.
"""
import asyncio
import sys

PORT, POOL, MS = (int(argument) for argument in sys.argv[1:4])
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 19\r\nConnection: close\r\n\r\n"
          b"open for business.\n")
database = asyncio.Semaphore(POOL)


async def serve(reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        async with database:
            await asyncio.sleep(MS / 1000)
        writer.write(ANSWER)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # the client has gone
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", PORT, backlog=4096)
    async with server:
        await server.serve_forever()


asyncio.run(main())
