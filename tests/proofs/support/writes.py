"""The writes of one version of the example. It is a program, and PYTHONPATH chooses the version.

It adds a user with the given values, reads the user in another unit of work, and changes each
value.
"""

import asyncio
import json
import sys
import uuid

from shop.db import Database, DatabaseSettings
from shop.models import User
from shop.unit_of_work import UnitOfWork


async def main(values: dict[str, str]) -> None:
    name = str(uuid.uuid4())
    async with Database(DatabaseSettings(_env_file=None), UnitOfWork) as database:
        async with database.unit_of_work() as uow:
            await uow.users.add(User(email=name, username=name, **values))
        async with database.unit_of_work() as uow:
            user = await uow.users.one_or_none(User.username == name)
            assert user is not None
            for key, value in values.items():
                assert getattr(user, key) == value
                setattr(user, key, f"{value}, changed")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
