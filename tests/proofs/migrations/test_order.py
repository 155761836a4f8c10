"""Any change of objects that depend on each other can be applied, taken back, and applied again.

The tables have rows, and the old and the new code write between the phases. If both codes refuse a
write, it is refused at any time. If one of them allows a write, it is allowed while both codes run.
"""

import shutil
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, MetaData, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.proofs.support.everything import describe
from tests.proofs.support.evolution import (
    Case,
    State,
    cases,
    describe_models,
    describe_rows,
    describe_writes,
    forget_references,
    forget_rows,
)
from tests.proofs.support.sampling import sampled
from tools.sources import connect

ENVIRONMENT = """
from alembic import context
from shop.db.migrations import run_migrations

run_migrations(context.config.attributes["metadata"])
"""

# This takes the row back, and reports whether it was accepted.
TRY = """
    DO $$
    BEGIN
        {statement};
        RAISE EXCEPTION 'accepted';
    EXCEPTION WHEN integrity_constraint_violation THEN
        NULL;
    END $$
"""


MANY = 5  # so many wrong changes are enough


class Evolution:
    """A database whose tables change, and a session that tries writes meanwhile."""

    def __init__(self, case: Case, url: URL, directory: Path, session: AsyncConnection) -> None:
        self._case, self._url, self._session = case, url, session
        self._directory = directory
        self._writes = describe_writes(case.parent, case.child)
        self.looks = 0

    async def prove(self) -> None:
        """Apply the change, take it back, and apply it again."""
        before, after = self._case.before, self._case.after
        wanted, was = await self._create(after), await self._create(before)
        await self._write(before, 1)
        revise = partial(command.revision, message="change", autogenerate=True)
        if self._case.is_refused():
            with pytest.raises(CommandError, match=r"in one transaction|in two revisions"):
                await self._run(revise)
            return
        await self._run(revise)

        await self._run(partial(command.upgrade, revision="head"), "phase=expand")
        await self._write(before, 2)
        await self._write(after, 3)
        if self._case.keeps_constraints():  # Otherwise one change may have to wait for the other.
            await self._expect(before, after)
        await self._run(partial(command.upgrade, revision="head"))
        await self._write(after, 4)
        await self._expect(after)
        assert await self._describe() == wanted

        await self._execute(*forget_references(after, self._case.parent, self._case.child))
        await self._run(partial(command.downgrade, revision="base"))
        await self._write(before, 5)
        await self._expect(before)
        assert await self._describe() == was
        await self._execute(*forget_rows(before, self._case.parent, self._case.child))

        await self._run(partial(command.upgrade, revision="head"))
        assert await self._describe() == wanted

    def _models(self, state: State) -> MetaData:
        return describe_models(state, self._case.parent, self._case.child)

    async def _create(self, state: State) -> list[str]:
        """Create the tables of a state in an empty schema. Return their description."""
        await self._execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        await self._session.run_sync(self._models(state).create_all)
        return await self._describe()

    async def _describe(self) -> list[str]:
        lines = [line for line in await describe(self._url) if "alembic_version" not in line]
        # A default keeps the earlier type of its column.
        return [line.replace("::character varying", "::text") for line in lines]

    async def _write(self, state: State, number: int) -> None:
        await self._execute(*describe_rows(state, self._case.parent, self._case.child, number))

    async def _execute(self, *statements: str) -> None:
        for statement in statements:
            await self._session.execute(text(statement))

    async def _run(self, order: Callable[[Config], object], *x: str) -> None:
        """Run a command of Alembic, and try the refused writes after each commit."""
        config = Config(stdout=StringIO(), output_buffer=StringIO())
        config.set_main_option("script_location", str(self._directory))
        config.cmd_opts = Namespace(x=[*x, *(f"allow={name}" for name in self._case.dropped())])
        config.attributes["metadata"] = self._models(self._case.after)

        def run(connection: Connection) -> None:
            config.attributes["connection"] = connection
            event.listen(connection, "begin", lambda _: self._look())
            event.listen(connection, "after_cursor_execute", self._look_after)
            order(config)

        async with connect(self._url) as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            await connection.run_sync(run)
        await self._session.run_sync(lambda _: self._look())

    def _look_after(self, connection: Connection, *_: object) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            self._look()

    def _look(self) -> None:
        """Expect that a write is refused if both codes refuse it."""
        states = (self._case.before, self._case.after)
        for write in self._writes:
            if all(write.is_possible(state) and write.is_refused(state) for state in states):
                self.looks += 1
                assert not self._accepts(write.sql), f"accepted: {write.sql}"

    async def _expect(self, *states: State) -> None:
        """Expect that a write is allowed if one of these codes allows it."""
        for write in self._writes:
            if any(write.is_possible(state) and not write.is_refused(state) for state in states):
                self.looks += 1
                accepted = await self._session.run_sync(self._try, write.sql)
                assert accepted, f"refused: {write.sql}"

    def _try(self, _: Connection, statement: str) -> bool:
        return self._accepts(statement)

    def _accepts(self, statement: str) -> bool:
        session = self._session.sync_connection
        assert session
        try:
            session.exec_driver_sql(TRY.format(statement=statement))
        except DBAPIError as error:
            if "accepted" not in str(error):
                raise
            return True
        return False


@pytest.fixture
async def session(fresh_database_url: URL) -> AsyncIterator[AsyncConnection]:
    """A session in autocommit mode."""
    async with connect(fresh_database_url) as connection:
        yield connection


@pytest.fixture
def directory(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """A directory for revisions, without hooks."""
    shutil.copy(pytestconfig.rootpath / "migrations/script.py.mako", tmp_path)
    (tmp_path / "env.py").write_text(ENVIRONMENT)
    return tmp_path


async def test_any_change_can_be_applied_and_taken_back_while_both_codes_write(
    fresh_database_url: URL, directory: Path, session: AsyncConnection
) -> None:
    count, looks, wrong = 0, 0, []
    for case in sampled(cases()):
        shutil.rmtree(directory / "versions", ignore_errors=True)
        (directory / "versions").mkdir()
        evolution = Evolution(case, fresh_database_url, directory, session)
        try:
            await evolution.prove()
        except Exception as error:  # so that the test shows several failures
            wrong.append(f"{case}: {type(error).__name__}: {str(error)[:300]}")
            if len(wrong) == MANY:
                break
        count += 1
        looks += evolution.looks
    print(f"{count} changes, {looks} looks, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
