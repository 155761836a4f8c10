"""The revisions that a command applies, and its messages about them.

A revision has a `phase`:

`expand`
    It is applied before the deploy, by `just migrate expand`. The code that runs now must survive it.
    The command leaves a revision of the other phase, and all that need it.
`contract`
    It is applied by `just migrate`, after the old code has ended. Only the new code survives it: a
    column is gone, or must have a value.

A revision without a phase counts as `expand`. A revision that cannot be taken back says why:
`irreversible = "the column's values are gone"`.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial, update_wrapper
from typing import Any, Literal

from alembic import context
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import Connection, event

from .dialect import dialect

Phase = Literal["expand", "contract"]


def phase_of(revision: Script) -> Phase:
    """Return the phase of a revision."""
    phase: Phase = getattr(revision.module, "phase", "expand")
    return phase


class Steps:
    """The revisions of one command. They stay the same when the command tries again.

    Args:
        tell: called with each line about the progress.

    Raises:
        CommandError: the command has another `-x phase=` than `expand`.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._phase = context.get_x_argument(as_dictionary=True).get("phase")
        self._planned: set[str] | None = None
        if self._phase not in {None, "expand"}:
            raise CommandError("only `-x phase=expand` is possible: write that, or leave it out")

    def restrict(self, migration: MigrationContext) -> None:
        """Let a migration apply only these revisions."""
        # A private attribute: the only place where Alembic keeps the command's choice of revisions.
        every = migration._migrations_fn
        assert every is not None

        def chosen(heads: Any, migration: MigrationContext) -> Iterator[Any]:
            connection = None if migration.as_sql else migration.connection
            return self._choose(list(every(heads, migration)), connection)

        migration._migrations_fn = chosen

    def _choose(self, steps: list[Any], connection: Connection | None) -> Iterator[Any]:
        names = [str(step.info.up_revision_id) for step in steps]
        if not names:
            self._tell("there is nothing to do")
        if self._planned is None:
            self._planned = set(names)
            for step in steps:  # before anything changes
                back = isinstance(step, RevisionStep) and not step.is_upgrade
                if back and (why_not := getattr(step.revision.module, "irreversible", None)):
                    raise CommandError(f"{step.revision.revision} cannot be taken back: {why_not}")
        left: set[str] = set()
        for name, step in zip(names, steps, strict=True):
            # In a second try, `+1` would mean another revision.
            if name not in self._planned:
                return
            if not isinstance(step, RevisionStep):  # a stamp runs nothing
                yield step
                continue
            phase = phase_of(step.revision)
            waits = left.intersection(step.info.down_revision_ids)
            if waits or (self._phase and step.is_upgrade and phase != self._phase):
                then = "it needs that revision" if waits else "apply it when the old code has ended"
                self._tell(f"{name} has the phase {phase}: {then}")
                left.add(name)
                continue
            verb = "upgrade to" if step.is_upgrade else "downgrade from"
            self._tell(f"{verb} {name} ({phase}), {step.revision.doc}")
            start = time.monotonic()
            apply = partial(_apply, step.migration_fn, name, connection)
            step.migration_fn = update_wrapper(apply, step.migration_fn)
            yield step
            self._tell(f"  done in {time.monotonic() - start:.2f} s")


def _apply(
    run: Callable[..., Any], name: str, connection: Connection | None, **arguments: Any
) -> None:
    """Run a revision. If this raises, Alembic does not count it as applied.

    A coroutine would count, although nothing has run it. So would a concurrent build that was
    stopped, if IF NOT EXISTS leaves out its INVALID index in the next try.
    """
    statements: list[str] = []
    if connection is not None:
        event.listen(connection, "before_cursor_execute", lambda *each: statements.append(each[2]))
    try:
        result = run(**arguments)
    except Exception as error:  # A revision may raise anything.
        if connection is not None or isinstance(error, CommandError):
            raise
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        sentence = "it must not ask the database, and each value needs a type"
        raise CommandError(f"{name} cannot be written as SQL ({reason}): {sentence}") from error
    if isinstance(result, Awaitable | AsyncIterator | Iterator):
        getattr(result, "close", bool)()  # Otherwise Python warns about a coroutine.
        raise CommandError(f"{name} did not run, since Alembic does not await: write a plain `def`")
    for index in dialect.find_unfinished_indexes(connection) if connection is not None else ():
        if re.search(rf"(?<!\w){re.escape(index)}(?!\w)", " ".join(statements)):
            raise CommandError(
                f"{name} left {index} INVALID, so it does not count: write op.create_index_concurrently()"
            )
