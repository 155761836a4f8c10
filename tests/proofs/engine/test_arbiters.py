"""A constraint that cannot be a conflict target."""

import pytest
from sqlalchemy import text

from shop.db import Database, errors
from tests.proofs.support.accounts import Work

INSERT = "INSERT INTO accounts (name, balance) VALUES ('c', 1) ON CONFLICT (name) DO "


@pytest.mark.parametrize("action", ["NOTHING", "UPDATE SET balance = 0"])
async def test_the_error_about_a_deferrable_one_names_the_remedy(
    bank: Database[Work], action: str
) -> None:
    with pytest.raises(errors.DatabaseError, match="create it as NOT DEFERRABLE") as raised:
        async with bank.unit_of_work() as work:
            for statement in (
                "ALTER TABLE accounts DROP CONSTRAINT uq_accounts_name",
                "ALTER TABLE accounts ADD CONSTRAINT later UNIQUE (name) DEFERRABLE",
                INSERT + action,
            ):
                await work.session.execute(text(statement))

    assert raised.value.sqlstate == "55000"
