"""A contestant: `python -m tenants.contestant NAME SCALE`. DATABASE_URL names the database.

Each contestant has its own process. The import of `shop.db.tenancy` adds listeners to all sessions,
and a program without the option does not have them. It reads the name of a measure from standard input,
does the work, and prints the seconds of one unit.
"""

import asyncio
import gc
import sys
from importlib import import_module
from time import perf_counter
from typing import Any

from sqlalchemy import select

from shop.db import DatabaseSettings

from .columns import PAGE, PAGES, row

MODULES = {"without tenants": "without", "with tenants": "with_option"}


class Contestant:
    """The work, with one of the two tables.

    Args:
        side: the module with the table and its database.
        database: the database, which is open.
        scale: the share of all rows and gets.
    """

    def __init__(self, side: Any, database: Any, scale: float) -> None:
        self.side, self.database = side, database
        self.times = max(2, round(2_000 * scale))
        self.new = [row(number) for number in range(max(2, round(20_000 * scale)))]
        self.keys: list[Any] = []
        self.cursor: str | None = None

    def open(self) -> Any:
        return self.database.unit_of_work(info=self.side.INFO)

    async def prepare(self) -> None:
        """Find the keys, and a page in the middle of the rows."""
        model = self.side.Row
        async with self.open() as uow:
            found = select(model.id).order_by(model.title).limit(self.times)
            self.keys = [*await uow.session.scalars(found)]
            middle = (await uow.session.scalars(select(model.views).order_by(model.views))).all()
            after = model.views >= middle[len(middle) // 2]
            order = [model.views, model.id]
            self.cursor = (await uow.rows.paginate(after, order_by=order, limit=1)).next

    async def get(self) -> int:
        """Get rows by their keys, in one transaction."""
        async with self.open() as uow:
            for key in self.keys:
                await uow.rows.get(key)
        return len(self.keys)

    async def transaction(self) -> int:
        """Get each row in its own transaction, as a request does."""
        keys = self.keys[: max(1, self.times // 4)]
        for key in keys:
            async with self.open() as uow:
                await uow.rows.get(key)
        return len(keys)

    async def page(self) -> int:
        """Get pages from the middle of the rows, in one transaction."""
        order = [self.side.Row.views, self.side.Row.id]
        async with self.open() as uow:
            for _ in range(PAGES):
                await uow.rows.paginate(order_by=order, limit=PAGE, cursor=self.cursor)
        return PAGES

    async def insert(self) -> int:
        """Insert many rows, and take them back: so each round finds the same table."""
        try:
            async with self.open() as uow:
                await uow.rows.insert_rows(self.new)
                raise ZeroDivisionError
        except ZeroDivisionError:
            return 1


async def main(name: str, scale: str) -> None:
    side = import_module(f".{MODULES[name]}", __package__)
    async with side.database(DatabaseSettings(_env_file=None)) as database:
        contestant = Contestant(side, database, float(scale))
        await contestant.prepare()
        gc.freeze()  # the collector then ignores the objects that were prepared
        for line in sys.stdin:
            work = getattr(contestant, line.strip())
            gc.collect()
            begin = perf_counter()
            units = await work()
            print((perf_counter() - begin) / units, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
