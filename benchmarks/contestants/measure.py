"""What a measure is: a name, a unit of work, and contestants that are async functions."""

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
    """There is nothing to prepare."""


def once(_: World) -> int:
    """The run is the unit."""
    return 1


@dataclass(frozen=True)
class Measure:
    """Work that several contestants do.

    Args:
        name: its first word is what `--only` takes.
        contestants: by name; the first is what the others are compared with.
        units: how often a run does it; a figure is of one time.
        prepare: what comes before each run and is not timed.
    """

    name: str
    contestants: Mapping[str, Contestant]
    units: Callable[[World], int] = once
    prepare: Contestant = nothing

    async def run(self, world: World, name: str) -> dict[str, float]:
        """Let one contestant work, and return the figures by their unit: seconds."""
        await self.prepare(world)
        gc.collect()  # nobody pays for another's garbage; its own it does pay for
        begin = perf_counter()
        await self.contestants[name](world)
        return {"s": (perf_counter() - begin) / self.units(world)}


class MeasureAlone(Measure):
    """A measure whose contestants have a process of their own each, so that its peak is theirs."""

    async def run(self, world: World, name: str) -> dict[str, float]:
        """Return seconds, and by how many mebibytes the process grew, if that can be told."""
        command = [sys.executable, "-m", "contestants", "--alone", f"{self.name}/{name}"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{name} ended with {process.returncode}")
        figures: dict[str, float] = json.loads(output)
        return figures
