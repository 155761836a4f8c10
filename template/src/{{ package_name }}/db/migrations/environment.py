"""Alembic's environment: online, offline, or on a connection that is handed in.

`alembic upgrade head` connects to `MIGRATION_DATABASE_URL`, or `DATABASE_URL` where that is not set.
It runs while no other one does, and again where a lock was not to be had, see `runner.py`.

`alembic upgrade head --sql` needs no database. It writes one script of all steps, which stops at the
first error if psql is told so: `psql --set ON_ERROR_STOP=1`.

A program or a test that has a connection hands it in, in any event loop; an `AsyncEngine` will do
where no loop runs. Then nobody is locked out, and nothing is tried again::

    config.attributes["connection"] = connection  # inside of AsyncConnection.run_sync
    command.upgrade(config, "head")

Models may be in several schemas; a revision of yours must `CREATE SCHEMA` before the first table.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import ConnectionFailure, ConnectionRejected, Error, SettingsError
from ..settings import DatabaseSettings
from . import operations  # noqa: F401  # registers them
from .authoring.directives import plan
from .authoring.plugins import load_plugins
from .phases import Steps
from .runner import deploy, run_once


def run_migrations(
    metadata: MetaData, settings: Callable[[], DatabaseSettings], **options: Any
) -> None:
    """Run what the `alembic` command asks for.

    Args:
        metadata: of all models, to compare the database with.
        settings: makes the settings; called only where a connection has to be opened.
        options: for Alembic's `context.configure`, such as an `include_object` that leaves out tables
            which are not the models'.

    Raises:
        CommandError: something of the database's went wrong; the command prints it as one sentence.
    """
    handed_in = context.config.attributes.get("connection")
    run = partial(_run, metadata, options)
    if context.is_offline_mode():
        _write(metadata, options)
    elif isinstance(handed_in, AsyncEngine):
        asyncio.run(_on_engine(handed_in, partial(run, Steps(_silent))))
    elif handed_in is not None:
        run(Steps(_silent), handed_in)
    else:
        try:
            asyncio.run(_connect_and_run(run, settings().for_migrations()))
        except (ConnectionFailure, ConnectionRejected, SettingsError) as error:
            raise CommandError(str(error)) from error
        except Error as error:  # whoever migrates may see the server's own words
            raise CommandError(f"{error}: {error.__cause__}") from error


async def _connect_and_run(
    run: Callable[[Steps, Connection], None], settings: DatabaseSettings
) -> None:
    try:
        context.get_revision_argument()
    except KeyError:  # it changes nothing: `current`, `check`, `revision`
        await run_once(settings, partial(run, Steps(_silent)))
    else:
        await deploy(settings, partial(run, Steps(_tell)), _tell)


async def _on_engine(engine: AsyncEngine, work: Callable[[Connection], None]) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(work)


def _silent(_: str) -> None:
    pass


def _tell(line: str) -> None:
    context.config.print_stdout("%s", line)
    context.config.stdout.flush()  # while it happens, though it may go into a pipe, as in CI


def _write(metadata: MetaData, options: dict[str, Any]) -> None:
    fields = DatabaseSettings.model_fields
    timeouts: dict[str, Any] = {
        "lock_timeout": f"{fields['migration_lock_timeout'].default * 1000:.0f}ms",
        "statement_timeout": f"{fields['statement_timeout'].default * 1000:.0f}ms",
    }
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        transaction_per_migration=True,
        **timeouts,
        **options,
    )
    Steps(_silent).restrict(context.get_context())
    for name, value in timeouts.items():
        context.execute(f"SET {name} = '{value}'")
    with context.begin_transaction():
        context.run_migrations()


def _run(metadata: MetaData, options: dict[str, Any], steps: Steps, connection: Connection) -> None:
    schemas = {table.schema for table in metadata.tables.values()} | {None}  # None is `public`
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=partial(_is_ours, connection, schemas),
        compare_type=True,
        compare_server_default=True,
        autogenerate_plugins=[
            "alembic.autogenerate.*",
            "alembic.ext.checkconstraint_byname",
            *load_plugins(),
        ],
        process_revision_directives=plan,
        transaction_per_migration=True,
        **options,
    )
    steps.restrict(context.get_context())
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(
    connection: Connection,
    schemas: Collection[str | None],
    name: str | None,
    kind: str,
    parents: Mapping[Any, str | None],
) -> bool:
    """Tell what models describe: nothing in other schemas, no partitions, nothing of an extension's."""
    if kind == "schema":
        return name in schemas
    theirs = text(
        "SELECT relispartition OR EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid "
        "AND classid = 'pg_class'::regclass AND deptype = 'e') FROM pg_class "
        "WHERE relname = :name AND relnamespace = to_regnamespace(coalesce(:schema, current_schema()))"
    )
    values = {"name": name, "schema": parents.get("schema_name")}
    return kind != "table" or not connection.scalar(theirs, values)
