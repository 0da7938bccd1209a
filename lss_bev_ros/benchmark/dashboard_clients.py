"""Browsers without a screen for a benchmark: they take the dashboard's stream and do nothing with it.

Run as a process: `python -m lss_bev_ros.benchmark.dashboard_clients PORT CLIENTS`. Interrupted, it prints
one line of JSON: frames that all clients together took, their bytes, and when (Unix time) the first one came
that had a picture in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

import aiohttp

from ..dashboard.packing import unpack


async def watch(port: int, clients: int) -> dict[str, float | None]:
    """Take the stream as many times as there are clients, until SIGINT."""
    frames = received = 0
    first_picture: float | None = None
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal frames, received, first_picture
        async with session.ws_connect(f"http://127.0.0.1:{port}/live", max_msg_size=0) as stream:
            async for message in stream:
                if message.type != aiohttp.WSMsgType.BINARY:
                    continue
                frames += 1
                received += len(message.data)
                if first_picture is None and unpack(message.data)[1]:
                    first_picture = time.time()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(client(session)) for _ in range(clients)]
        print("watching", flush=True)
        await ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"frames": frames, "bytes": received, "first_picture": first_picture}


def main(arguments: list[str]) -> None:
    """Watch with the arguments of the command line."""
    # What browsers cost is not what is measured.
    os.nice(10)
    port, clients = map(int, arguments)
    print(json.dumps(asyncio.run(watch(port, clients))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
