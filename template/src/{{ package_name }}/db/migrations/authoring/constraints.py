"""The phases of constraints and indexes.

The old code and the new code run at the same time. If both rely on a constraint, it or its replacement
must always exist.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.sql.elements import conv

from ..operations import Concurrently
from ..phases import Phase
from .replacements import find_phase, name_of, table_of
from .statements import Statement
from .trial import Change

New = ops.AddConstraintOp | ops.CreateIndexOp
Old = ops.DropConstraintOp | ops.DropIndexOp


class Constraints:
    """The constraints and indexes among the changes of autogenerate.

    Attributes:
        changes: additional changes: renames, and checks between the phases.
        after: for an operation, the operations that must run before it.
        in_place: for a new index, the old index that the same operation replaces.
    """

    def __init__(self, found: Sequence[MigrateOperation], migration: MigrationContext) -> None:
        self.changes: list[Change] = []
        self.after: dict[Any, list[MigrateOperation]] = defaultdict(list)
        self.in_place: dict[MigrateOperation, ops.DropIndexOp] = {}
        self._phases: dict[Any, set[Phase | None]] = defaultdict(set)
        self._found, self._impl = found, migration.impl
        self._quote = migration.dialect.identifier_preparer.quote
        metadata: sa.MetaData = migration.opts["target_metadata"]
        columns = {each.name: each.c.keys() for each in metadata.tables.values()}
        for new, old in product(found, found):
            kinds = isinstance(new, New), isinstance(old, Old)
            if all(kinds) and table_of(new) == table_of(old):
                self._pair(new, old, find_phase(new, old, columns.get(table_of(new)[1], [])))
        for table in {table_of(each) for each in found}:
            self._guard(*table)

    def _pair(self, new: Any, old: Any, phase: Phase | None) -> None:
        self._phases[new].add(phase)
        self._phases[old].add(phase)
        has_one_name = name_of(new) == name_of(old)
        indexes = isinstance(new, ops.CreateIndexOp) and isinstance(old, ops.DropIndexOp)
        if has_one_name and indexes and (phase or not old.reverse().unique):
            self.in_place[new] = old
        elif phase:
            self.after[old].append(new)
            if has_one_name:
                self.after[new].append(self._set_aside(old))

    def phase_of_old(self, old: Any) -> Phase:
        """Return the phase of a drop: `contract` if the new code may rely on the old constraint."""
        plain = isinstance(old, ops.DropIndexOp) and not old.reverse().unique
        return "contract" if plain or "contract" in self._phases[old] else "expand"

    def phase_of_new(self, new: Any) -> Phase:
        """Return the phase of a creation: `expand` if rows and the old code obey the new constraint."""
        index = isinstance(new, ops.CreateIndexOp)
        if (index and not new.unique) or "expand" in self._phases[new]:
            return "expand"
        items = new.columns if index else new.to_constraint().columns.keys()
        columns = {getattr(each, "name", each) for each in items}
        added = {each.column.name for each in added_columns(self._found, new)}
        return "expand" if columns and columns <= added else "contract"

    def _set_aside(self, old: Any) -> Statement:
        """Rename an old constraint, because the new one gets its name."""
        schema, table = table_of(old)
        place = f"{self._quote(schema)}." if schema else ""
        start = f"TABLE {place}{self._quote(table)} RENAME CONSTRAINT "
        kind, alter = "constraint_name", (start, "")
        if isinstance(old, ops.DropIndexOp):
            kind, alter = "index_name", (f"INDEX {place}", " RENAME")
        aside = f"{name_of(old)[:59]}_old"
        names = [self._quote(each) for each in (name_of(old), aside)]
        rename, undo = (f"ALTER {one.join(alter)} TO {two}" for one, two in (names, names[::-1]))
        statement = Statement(rename, undo)
        self.changes.append(Change(statement, [statement.reverse()], self.phase_of_old(old)))
        setattr(old, kind, aside)
        return statement

    def _guard(self, schema: str | None, table: str) -> None:
        """Add a CHECK between the phases. It allows rows that the old or the new checks allow."""
        mine = [each for each in self._found if table_of(each) == (schema, table)]
        new: list[Any] = [c for c in filter(is_check, mine) if self.phase_of_new(c) == "contract"]
        drops = [each for each in mine if isinstance(each, ops.DropConstraintOp)]
        old: dict[Any, Any] = {drop: each for drop in drops if is_check(each := drop.reverse())}
        if new and old:
            sides = [
                " AND ".join(f"({self._impl.render_ddl_sql_expr(each.condition)})" for each in side)
                for side in (old.values(), new)
            ]
            condition = sa.text(" OR ".join(f"({side})" for side in sides))
            name = conv(f"{table[:56]}_either")
            either = ops.CreateCheckConstraintOp(name, table, condition, schema=schema)
            end, create = either.reverse(), Concurrently(either)
            self.changes.append(Change(create, [end], "expand"))
            self.changes.append(Change(end, [create], "contract", new))
            for drop in old:
                self.after[drop].append(either)


def is_check(operation: Any) -> bool:
    """Return whether an operation creates a CHECK."""
    return isinstance(operation, ops.CreateCheckConstraintOp)


def added_columns(
    found: Sequence[MigrateOperation], operation: MigrateOperation
) -> list[ops.AddColumnOp]:
    """Return the operations that add columns to the table of an operation."""
    mine = (each for each in found if table_of(each) == table_of(operation))
    return [each for each in mine if isinstance(each, ops.AddColumnOp)]
