"""What the program does: functions that receive an open unit of work and never commit.

An entry point opens the transaction and commits it. So it can call several of these functions in one
transaction::

    async with database.unit_of_work() as uow:
        ada = await register(uow, …)
        await transfer(uow, …)
"""
