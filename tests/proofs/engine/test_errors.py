"""A real PostgreSQL raises each error of the tree, and the SQLSTATE decides its class."""

import asyncio
import re

import pytest
from sqlalchemy import BigInteger, literal, select, text

from shop.db import Database, errors
from tests.proofs.support.accounts import Account, Owner, Work

VIOLATIONS: dict[str, tuple[type[errors.ConstraintViolation], str, dict[str, object]]] = {
    "23505": (errors.UniqueViolation, "uq_accounts_name", {"name": "a"}),
    "23514": (errors.CheckViolation, "ck_accounts_balance_not_negative", {"balance": -1}),
    "23503": (errors.ForeignKeyViolation, "fk_accounts_owner_id_owners", {"owner_id": 404}),
}

# The server raises these errors on request, so no test needs to cause them.
SQLSTATES: dict[str, type[errors.Error]] = {
    "08000": errors.ConnectionFailure,
    "08006": errors.ConnectionFailure,
    "08P01": errors.ConnectionRejected,
    "22000": errors.DataException,
    "23000": errors.ConstraintViolation,
    "23001": errors.ForeignKeyViolation,
    "23502": errors.NotNullViolation,
    "23503": errors.ForeignKeyViolation,
    "23505": errors.UniqueViolation,
    "23514": errors.CheckViolation,
    "23P01": errors.ExclusionViolation,
    "25P02": errors.UnitOfWorkError,
    "28000": errors.ConnectionRejected,
    "28P01": errors.ConnectionRejected,
    "3D000": errors.ConnectionRejected,
    "40001": errors.SerializationFailure,
    "40P01": errors.DeadlockDetected,
    "42501": errors.InsufficientPrivilege,
    "42703": errors.SchemaMismatch,
    "42P01": errors.SchemaMismatch,
    "53300": errors.ConnectionRejected,
    "55P03": errors.LockNotAvailable,
    "57014": errors.QueryCanceled,
    "57P01": errors.ConnectionFailure,
    "57P02": errors.ConnectionFailure,
    "57P03": errors.ConnectionFailure,
    "57P05": errors.ConnectionFailure,
    "P0001": errors.DatabaseError,
}


@pytest.mark.parametrize("sqlstate", VIOLATIONS)
async def test_the_error_names_the_violated_constraint(bank: Database[Work], sqlstate: str) -> None:
    kind, constraint, values = VIOLATIONS[sqlstate]

    with pytest.raises(kind) as violation:
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(**({"name": "c"} | values)))

    assert violation.value.constraint == constraint
    assert violation.value.table == "accounts"
    assert violation.value.sqlstate == sqlstate
    assert str(violation.value) == f'{kind.summary}: constraint "{constraint}", table "accounts"'


async def test_no_traceback_has_the_values_of_the_row(bank: Database[Work]) -> None:
    with pytest.raises(errors.CheckViolation) as violation:
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(name="c", secret="s3cr3t", balance=-1))

    # Look only at the text of the exceptions, because the source of this test has the secret.
    told, error = "", violation.value.__cause__
    while error is not None:
        told, error = f"{told} {error}", error.__cause__
    assert "violates check constraint" in told
    assert "s3cr3t" not in told


async def test_the_error_about_a_missing_value_names_its_column(bank: Database[Work]) -> None:
    with pytest.raises(errors.NotNullViolation) as violation:
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account())

    assert (violation.value.column, violation.value.constraint) == ("name", None)
    assert str(violation.value) == 'a value is missing: column "name", table "accounts"'


async def test_the_error_names_the_violated_exclusion_constraint(bank: Database[Work]) -> None:
    with pytest.raises(errors.ExclusionViolation) as violation:
        async with bank.unit_of_work() as work:
            await work.accounts.add_many([Account(name="c", room=1), Account(name="d", room=1)])

    assert violation.value.constraint == "ex_accounts_room"


async def test_a_row_in_use_cannot_be_deleted(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        owner = Owner()
        work.session.add(owner)
        await work.session.flush()
        await work.accounts.add(Account(name="c", owner_id=owner.id))

    with pytest.raises(errors.ForeignKeyViolation):
        async with bank.unit_of_work() as work:
            await work.session.delete(await work.session.get_one(Owner, owner.id))


async def test_a_deadlock_has_its_own_error(bank: Database[Work]) -> None:
    barrier = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with bank.unit_of_work() as work:
            await work.session.execute(
                select(Account).where(Account.name == first).with_for_update()
            )
            await barrier.wait()
            await work.session.execute(
                select(Account).where(Account.name == second).with_for_update()
            )

    outcomes = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)

    [victim] = [each for each in outcomes if each is not None]
    assert isinstance(victim, errors.DeadlockDetected)
    assert not isinstance(victim, errors.ConstraintViolation)


async def test_a_serialization_failure_has_its_own_error(bank: Database[Work]) -> None:
    barrier = asyncio.Barrier(2)

    async def add_to_both() -> None:
        async with bank.unit_of_work() as work:
            await work.session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            [account, *_] = await work.accounts.all(order_by=[Account.id])
            await barrier.wait()
            await work.accounts.update(account, balance=account.balance + 1)

    outcomes = await asyncio.gather(add_to_both(), add_to_both(), return_exceptions=True)

    [victim] = [each for each in outcomes if each is not None]
    assert isinstance(victim, errors.SerializationFailure)


async def test_a_lock_timeout_has_its_own_error(bank: Database[Work]) -> None:
    async with bank.engine.connect() as other:
        await other.execute(select(Account).with_for_update())

        with pytest.raises(errors.LockNotAvailable):
            async with bank.unit_of_work() as work:
                await work.session.execute(text("SET LOCAL lock_timeout = 50"))
                await work.session.execute(select(Account).with_for_update())


async def test_a_statement_timeout_has_its_own_error(bank: Database[Work]) -> None:
    with pytest.raises(errors.QueryCanceled):
        async with bank.unit_of_work() as work:
            await work.session.execute(text("SET LOCAL statement_timeout = 50"))
            await work.session.execute(text("SELECT pg_sleep(10)"))


async def test_a_lost_connection_has_its_own_error(bank: Database[Work]) -> None:
    with pytest.raises(errors.ConnectionFailure):
        async with bank.unit_of_work() as work:
            await work.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with bank.unit_of_work() as work:
        assert await work.accounts.count() == 2


async def test_a_pool_without_a_free_connection_has_its_own_error(bank: Database[Work]) -> None:
    settings = bank.settings.model_copy(
        update={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    )
    async with Database(settings, Work) as small, small.engine.connect():
        with pytest.raises(errors.PoolTimeout):
            async with small.unit_of_work() as work:
                await work.accounts.count()


async def test_an_update_of_a_deleted_row_is_stale_data(bank: Database[Work]) -> None:
    with pytest.raises(errors.StaleData):
        async with bank.unit_of_work() as work:
            [account, _] = await work.accounts.all()
            async with bank.engine.begin() as other:
                await other.execute(text("DELETE FROM accounts"))
            await work.accounts.update(account, balance=1)


async def test_an_update_of_a_deleted_row_is_stale_data_at_the_end_of_a_savepoint(
    bank: Database[Work],
) -> None:
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all()
        async with bank.engine.begin() as other:
            await other.execute(text("DELETE FROM accounts"))
        with pytest.raises(errors.StaleData):
            async with work.savepoint():
                account.balance = 1


async def test_errors_of_the_session_are_translated_too(bank: Database[Work]) -> None:
    with pytest.raises(errors.NotFound):
        async with bank.unit_of_work() as work:
            await work.session.get_one(Account, 404)
    with pytest.raises(errors.MultipleFound):
        async with bank.unit_of_work() as work:
            (await work.session.scalars(select(Account))).one()


async def test_a_mistake_of_the_program_is_no_error_of_the_database(bank: Database[Work]) -> None:
    with pytest.raises(errors.UnitOfWorkError, match="not persistent"):
        async with bank.unit_of_work() as work:
            await work.session.refresh(Account(name="c"))


@pytest.mark.parametrize(
    ("statement", "sqlstate", "expected"),
    [
        ("SELEKT 1", "42601", errors.DatabaseError),  # it has no class
        ("SELECT 1 / 0", "22012", errors.DataException),
        ("SELECT 'many'::int", "22P02", errors.DataException),
        ("CREATE ROLE many; SET ROLE many; TABLE accounts", "42501", errors.InsufficientPrivilege),
    ],
)
async def test_an_error_has_a_class_and_no_values(
    bank: Database[Work], statement: str, sqlstate: str, expected: type[errors.DatabaseError]
) -> None:
    with pytest.raises(errors.DatabaseError) as error:
        async with bank.unit_of_work() as work:
            for each in statement.split(";"):
                await work.session.execute(text(each))

    assert type(error.value) is expected
    assert error.value.sqlstate == sqlstate
    assert "many" not in str(error.value)
    assert error.value.__cause__ is not None


async def test_each_sqlstate_has_its_error(bank: Database[Work]) -> None:
    told: dict[str | None, type[errors.Error]] = {}
    for sqlstate in SQLSTATES:
        with pytest.raises(errors.Error) as error:
            async with bank.unit_of_work() as work:
                await work.session.execute(
                    text(f"DO $$BEGIN RAISE 's3cr3t' USING ERRCODE = '{sqlstate}'; END$$")
                )
        told[error.value.sqlstate] = type(error.value)
        # Without names of tables, and without the server's message, which is in the cause.
        more = f" ({sqlstate}): see the cause of this error"
        unknown = more if SQLSTATES[sqlstate] is errors.DatabaseError else ""
        assert str(error.value) == SQLSTATES[sqlstate].summary + unknown

    assert told == SQLSTATES


@pytest.mark.parametrize("statement", ["SELECT * FROM missing", "SELECT missing FROM accounts"])
async def test_the_error_says_that_the_database_is_not_migrated(
    bank: Database[Work], statement: str
) -> None:
    with pytest.raises(errors.SchemaMismatch, match="newest revision"):
        async with bank.unit_of_work() as work:
            await work.session.execute(text(statement))


async def test_the_error_does_not_show_a_value_that_the_driver_refuses(
    bank: Database[Work],
) -> None:
    with pytest.raises(errors.DataException) as error:
        async with bank.unit_of_work() as work:
            await work.accounts.count(Account.balance == literal("s3cr3t", BigInteger))

    assert str(error.value) == errors.DataException.summary


def test_each_error_has_a_sentence_of_its_own() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    sentences = [str(each()) for each in kinds if issubclass(each, errors.Error)]

    assert len(sentences) == len({*sentences}) > 20
    for each in sentences:
        assert re.fullmatch(r"[a-z].* .*[a-z)]", each), each


def test_the_docstring_shows_every_error_of_the_tree() -> None:
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type)}
    ours = {name for name in kinds if issubclass(getattr(errors, name), errors.DatabaseError)}

    assert errors.__doc__ is not None
    assert {
        name for name in ours if f" {name} " in f" {errors.__doc__} ".replace("\n", " ")
    } == ours
