"""The settings at the beginning of a transaction cost one statement, and hold until its end."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from shop.db import Database, errors
from tests.proofs.support.accounts import Account, Work, names


async def test_settings_of_begin_hooks_cost_one_statement_and_hold_until_the_end(
    bank: Database[Work],
) -> None:
    statements: list[str] = []

    def actor(_: Session) -> dict[str, str]:
        return {"app.actor": "ada"}

    def tenant(_: Session) -> dict[str, str]:
        return {"app.tenant": "7"}

    settings = bank.settings.model_copy(update={"pool_size": 1, "max_overflow": 0})
    async with Database(settings, Work, begin_hooks=(actor, tenant)) as hooked:
        event.listen(
            hooked.engine.sync_engine,
            "before_cursor_execute",
            lambda *args: statements.append(args[2]),
        )
        async with hooked.unit_of_work() as work, work.savepoint():
            said = await work.session.scalar(
                text("SELECT current_setting('app.actor') || current_setting('app.tenant')")
            )
        async with hooked.engine.connect() as connection:  # the same connection, without a session
            outside = await connection.scalar(text("SELECT current_setting('app.actor', true)"))

    assert said == "ada7"
    assert outside == ""  # PostgreSQL shows this for a setting that was local
    assert sum("set_config" in statement for statement in statements) == 1


async def test_behind_pgbouncer_the_timeouts_are_set_at_begin(bank: Database[Work]) -> None:
    settings = bank.settings.model_copy(update={"pgbouncer": True, "lock_timeout": 1.5})

    async with Database(settings, Work) as pooled, pooled.unit_of_work() as work:
        timeout = await work.session.scalar(text("SHOW lock_timeout"))
        prepared = await work.session.scalar(text("SELECT count(*) FROM pg_prepared_statements"))

    assert timeout == "1500ms"
    assert prepared == 0


def fail(_: Session) -> dict[str, str]:
    raise LookupError("no tenant")


BROKEN: list[Callable[[Session], Any]] = [
    fail,
    lambda _: None,
    lambda _: {"app.tenant": 7},
    lambda _: {"no_such_setting": "on"},
    lambda session: {"app.tenant": str(session.connection())},
]


@pytest.mark.parametrize("hook", BROKEN)
async def test_nothing_runs_without_the_settings_of_a_hook_that_failed(
    bank: Database[Work], hook: Callable[[Session], Any]
) -> None:
    async with Database(bank.settings, Work, begin_hooks=(hook,)) as hooked:
        with suppress(errors.UnitOfWorkError, LookupError):
            async with hooked.unit_of_work() as work:
                with pytest.raises((LookupError, TypeError, errors.Error)):
                    await work.accounts.all()
                with pytest.raises(errors.UnitOfWorkError):
                    await work.accounts.all()
                with pytest.raises(errors.UnitOfWorkError):
                    await work.accounts.add(Account(name="without a tenant"))
        assert hooked.pool is not None
        assert hooked.pool.checked_out == 0

    assert await names(bank) == ["a", "b"]
