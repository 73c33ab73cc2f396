"""What asyncpg does, by the line: with a host and a port, and nothing else."""

import asyncio
import sys

import asyncpg

PORT = int(sys.argv[1])
HELD: list[asyncpg.Connection] = []


async def connect() -> str:
    HELD.append(await asyncpg.connect(host="localhost", port=PORT))
    return str(await HELD[-1].fetchval("select current_user"))


async def prepared() -> str:
    statement = await HELD[0].prepare("select $1::int * 2")
    return str(sum([await statement.fetchval(number) for number in range(100)]))


async def copy() -> str:
    await HELD[0].execute("create temp table t (line text)")
    await HELD[0].copy_records_to_table("t", records=[("x" * 999,)] * 2000)
    sizes: list[int] = []

    async def count(data: bytes) -> None:
        sizes.append(len(data))

    await HELD[0].copy_from_table("t", output=count)
    return str(sum(sizes))


async def listen() -> str:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await HELD[0].add_listener("news", lambda _connection, _pid, _channel, said: heard.put_nowait(said))
    await HELD[0].execute("notify news, 'hello'")
    async with asyncio.timeout(30):
        return await heard.get()


async def error() -> str:
    try:
        await HELD[0].execute("selekt")
    except asyncpg.PostgresError as refused:
        return str(refused.sqlstate)
    return "none"


async def cancel() -> str:
    try:
        await HELD[0].execute("select pg_sleep(60)", timeout=0.5)
    except TimeoutError:
        return str(await HELD[0].fetchval("select 'cancelled'"))
    return "slept"


async def many() -> str:
    before = len(HELD)
    await asyncio.gather(*(connect() for _ in range(200)))
    found = await asyncio.gather(*(each.fetchval("select 1") for each in HELD[before:]))
    await asyncio.gather(*(each.close() for each in HELD[before:]))
    return str(sum(found))


async def main() -> None:
    deeds = {deed.__name__: deed for deed in (connect, prepared, copy, listen, error, cancel, many)}
    while line := await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(await deeds[line.strip()]() + "\n")
        sys.stdout.flush()


asyncio.run(main())
