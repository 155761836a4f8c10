"""Run the measures of tenants: `python -m tenants`. It prints the same lines as `python -m contestants`.

DATABASE_URL names the role of a program, and MIGRATION_DATABASE_URL the owner of the tables.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import AsyncExitStack
from importlib.metadata import version

from sqlalchemy import insert, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from uuid_utils.compat import uuid7

from . import with_option, without
from .columns import row
from .contestant import MODULES

MEASURES = ["get", "transaction", "page", "insert"]
ROWS, TENANTS = 100_000, 20


async def main() -> None:
    parser = argparse.ArgumentParser(prog="tenants")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    print(json.dumps({"runs": (options.rounds + 1) * len(MODULES) * len(MEASURES)}), flush=True)
    server = await fill(max(TENANTS * 4, round(ROWS * options.scale)))
    async with AsyncExitStack() as stack:
        processes = {name: await start(stack, name, options.scale) for name in MODULES}
        names = list(MODULES)
        for number in range(options.rounds + 1):
            for measure in MEASURES:
                for name in names if number % 2 else reversed(names):
                    line = {
                        "round": number,
                        "measure": f"tenants, {measure}",
                        "contestant": name,
                        "place": names.index(name),
                        "figures": {"s": await ask(processes[name], measure)},
                    }
                    print(json.dumps(line), flush=True)
    versions = {name: version(name) for name in ("sqlalchemy", "asyncpg")}
    versions |= {"Python": platform.python_version(), "PostgreSQL": server}
    print(json.dumps({"versions": versions}), flush=True)


async def fill(number: int) -> str:
    """Create both tables. Each tenant has the same number of rows. Return the version of the server."""
    url = make_url(os.environ["MIGRATION_DATABASE_URL"]).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url)
    tenants = [with_option.INFO.id, *(uuid7() for _ in range(TENANTS - 1))]
    async with engine.begin() as connection:
        for side in (without, with_option):
            await connection.run_sync(side.Base.metadata.create_all)
        for begin in range(0, number, 10_000):
            rows = [
                {"id": uuid7(), **row(each)} for each in range(begin, min(begin + 10_000, number))
            ]
            await connection.execute(insert(without.Row), rows)
            owned = [{"tenant_id": tenants[each["views"] % TENANTS], **each} for each in rows]
            await connection.execute(insert(with_option.Row), owned)
        await connection.exec_driver_sql("ANALYZE")
        server = str((await connection.exec_driver_sql("SHOW server_version")).scalar_one())
    await engine.dispose()
    return server


async def start(stack: AsyncExitStack, name: str, scale: float) -> Process:
    """Start a contestant. It ends with the stack."""
    command = [sys.executable, "-m", "tenants.contestant", name, str(scale)]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin
    stack.push_async_callback(process.wait)
    stack.callback(process.stdin.close)
    return process


async def ask(process: Process, measure: str) -> float:
    """Let a contestant work, and return the seconds of one unit."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{measure}\n".encode())
    await process.stdin.drain()
    return float(await process.stdout.readline())


if __name__ == "__main__":
    asyncio.run(main())
