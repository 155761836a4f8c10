"""Run the measures: `python -m contestants`. DATABASE_URL names the server to fill.

It prints lines of JSON: first the number of runs, then the figures of each run, and at last the
versions. In each round all contestants of all measures work, so that a slow moment of the machine
hits all of them. Each round begins with another contestant. Round 0 warms up.
"""

import argparse
import asyncio
import gc
import json
import os
import platform
from importlib.metadata import version

from . import get, http, insert, mixed, page, session, stream, tasks, upsert
from .measure import Measure
from .rows import fill
from .world import World, open_world

MEASURES: list[Measure] = [
    get.MEASURE,
    session.MEASURE,
    *page.MEASURES,
    mixed.MEASURE,
    insert.MEASURE,
    upsert.MEASURE,
    stream.MEASURE,
    tasks.MEASURE,
    *http.MEASURES,
]


async def main() -> None:
    parser = argparse.ArgumentParser(prog="contestants")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", type=str.split, default=[])
    parser.add_argument("--alone", help="MEASURE/CONTESTANT, in this process")
    options = parser.parse_args()
    async with open_world(os.environ["DATABASE_URL"], options.scale) as world:
        if options.alone:
            say(**await stream.alone(world, options.alone.partition("/")[2]))
            return
        measures = [m for m in MEASURES if m.name.split()[0] in options.only]
        say(runs=(options.rounds + 1) * sum(len(measure.contestants) for measure in measures))
        await fill(world)
        gc.freeze()  # the collector then ignores the objects that were prepared
        for number in range(options.rounds + 1):
            for measure in measures:
                await play(world, measure, number)
        say(
            versions={
                "Python": platform.python_version(),
                "PostgreSQL": await world.raw.fetchval("SHOW server_version"),
                **{name: version(name) for name in ("sqlalchemy", "asyncpg", "advanced-alchemy")},
            }
        )


async def play(world: World, measure: Measure, number: int) -> None:
    """Run one round of one measure."""
    names = list(measure.contestants)
    first = number % len(names)
    for name in names[first:] + names[:first]:
        figures = await measure.run(world, name)
        say(
            round=number,
            measure=measure.name,
            contestant=name,
            place=names.index(name),
            figures=figures,
        )


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
