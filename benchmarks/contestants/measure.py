"""A measure: its name, its number of units, and its contestants as async functions."""

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from .world import World

Contestant = Callable[[World], Awaitable[None]]


async def nothing(_: World) -> None:
    """Prepare nothing."""


def once(_: World) -> int:
    """Count the whole run as one unit."""
    return 1


@dataclass(frozen=True)
class Measure:
    """Work that several contestants do, to compare them.

    Args:
        name: the name. `--only` takes its first word.
        contestants: functions by name. The others are compared with the first one.
        units: how often a run does the work. A figure is the time of one unit.
        prepare: runs before each run, and is not measured.
    """

    name: str
    contestants: Mapping[str, Contestant]
    units: Callable[[World], int] = once
    prepare: Contestant = nothing

    async def run(self, world: World, name: str) -> dict[str, float]:
        """Run one contestant, and return its figure in seconds."""
        await self.prepare(world)
        gc.collect()  # a contestant pays for its own garbage, and not for the garbage of others
        begin = perf_counter()
        await self.contestants[name](world)
        return {"s": (perf_counter() - begin) / self.units(world)}


class MeasureAlone(Measure):
    """A measure that runs each contestant in a separate process, to measure its peak memory."""

    async def run(self, world: World, name: str) -> dict[str, float]:
        """Return the seconds, and on Linux also by how many mebibytes the process grew."""
        command = [sys.executable, "-m", "contestants", "--alone", f"{self.name}/{name}"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{name} ended with {process.returncode}")
        figures: dict[str, float] = json.loads(output)
        return figures
