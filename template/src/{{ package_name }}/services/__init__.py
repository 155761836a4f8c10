"""What the program does: functions that get an open unit of work and never commit.

Each is one step of a transaction that an entry point has opened, so they can be called together::

    async with database.unit_of_work() as uow:
        ada = await register(uow, …)
        await transfer(uow, …)
"""
