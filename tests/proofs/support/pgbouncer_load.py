"""The load of an application behind PgBouncer. As a program, it is one process of the proof.

It prints how many tasks passed, and how many failed with which error.
"""

import asyncio
import json
import sys
import uuid
from collections import Counter
from typing import Any

from sqlalchemy import insert, text

from shop.db import Database, DatabaseSettings
from shop.models import Post, User
from shop.services.credits import transfer
from shop.unit_of_work import UnitOfWork

Shop = Database[UnitOfWork]


async def work(database: Shop) -> None:
    """Run five units of work with statements that drivers prepare once and use again."""
    timeout = f"{database.settings.statement_timeout:g}s"
    async with database.unit_of_work() as uow:
        names = [str(uuid.uuid4()) for _ in range(2)]
        ada, bob = await uow.users.add_many(
            [User(email=name, username=name, password_hash="", credits=10) for name in names]
        )
    for amount in (1, 2):
        async with database.unit_of_work() as uow, uow.savepoint():
            await transfer(uow, sender=ada.id, recipient=bob.id, amount=amount)
    async with database.unit_of_work() as uow:
        rows = [{"author_id": ada.id, "title": title, "body": ""} for title in "abc"]
        await uow.session.execute(insert(Post), rows)  # `executemany`, which asyncpg prepares
    async with database.unit_of_work() as uow:
        assert await uow.users.count(User.id.in_([ada.id, bob.id])) == 2
        assert (await uow.users.get_one(bob.id)).credits == 13
        assert len(await uow.posts.all(Post.author_id == ada.id)) == 3
        names = [*names, str(uuid.uuid4())]
        rows = [{"email": each, "username": each, "password_hash": ""} for each in names]
        found = await uow.users.get_or_add_rows(rows, conflict_target=[User.email])
        assert [each.email for each in found] == names
        assert await uow.users.insert_missing_rows(rows, conflict_target=[User.email]) == 0
        keys = [each.id for each in found]
        assert [*await uow.users.get_by_keys(keys, with_for_update=True)] == found
        assert await uow.users.update_by_keys(keys, credits=1) == 3
        last = await uow.posts.paginate(order_by=Post.id, limit=1, backward=True)
        assert len(last.items) == 1
        if database.settings.pgbouncer:
            assert await uow.session.scalar(text("SHOW statement_timeout")) == timeout


async def load(database: Shop, tasks: int) -> Counter[str]:
    """Run `work` in many tasks at the same time."""
    results = await asyncio.gather(*(work(database) for _ in range(tasks)), return_exceptions=True)
    return Counter("passed" if result is None else type(result).__name__ for result in results)


def leave_out(database: Shop, *left_out: str) -> None:
    """Connect without some options that the layer gives to the driver."""
    dialect = database.engine.dialect
    connect = dialect.connect

    def connect_without(*args: Any, **options: Any) -> Any:
        for option in left_out:
            del options[option]
        return connect(*args, **options)

    dialect.connect = connect_without  # type: ignore[method-assign]  # this is the wrong recipe


async def main(tasks: int) -> None:
    async with Database(DatabaseSettings(_env_file=None), UnitOfWork) as database:
        print(json.dumps(await load(database, tasks)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
