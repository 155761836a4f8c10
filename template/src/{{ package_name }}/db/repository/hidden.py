"""Soft delete: a repository hides rows instead of deleting them, and can restore them.

::

    class User(PrimaryKey, SoftDelete, Base):
        email: Mapped[str]

    class UserRepository(SoftDeleteRepository[User, Key], Repository[User]):
        model = User

A query shows hidden rows if it has the execution option `include_deleted=True`.

With a unique index that has the predicate `deleted_at IS NULL`, another row may use the e-mail of a
hidden row. `indexes.py` of the dialect shows such an index. It is not a constraint, so a foreign key
cannot refer to it. A repository's `upsert` finds it by its columns. Your own ON CONFLICT must name it
by `index_elements` and `index_where`.

If a law demands that data is deleted, use `purge`. For a history of changes use an audit.

Statement                                                 What happens to hidden rows
========================================================  ==========================================
ORM selects: entities, columns, aliases, joins, EXISTS,   they are left out
subqueries, unions, counts, eager loads, `session.get`
`update(Model).where(…)`                                  they do not change
`delete(Model)`, `session.delete()`, orphans              it is refused; `delete(Model)` with
                                                          `include_deleted=True` really deletes
`execute(update(Model), rows)`, rows by key               it is refused without `include_deleted=True`
`get` of an entity that is in the session                 left out if this session hid the row; shown
                                                          if another transaction did
`session.refresh`                                         the row is shown
loading a required parent (many-to-one)                   the parent is None; with an inner join its
                                                          children are left out
foreign keys                                              `ON DELETE` acts at `purge` only: hide the
                                                          children too
Core on the table, INSERT … SELECT, raw SQL, COPY         they are read and changed like other rows
ON CONFLICT                                               no conflict by such an index; a conflict
                                                          by key changes the row, which stays hidden
"""

from typing import Any

from sqlalchemy import event, func
from sqlalchemy.orm import Mapper, ORMExecuteState, with_loader_criteria

from ..errors import NotFound, UnitOfWorkError
from ..mixins import SoftDelete
from ..unit_of_work.session import GuardedSession
from .read import Criterion, K, M
from .write import Repository

_ALIVE = with_loader_criteria(SoftDelete, lambda m: m.deleted_at.is_(None), include_aliases=True)


class SoftDeleteRepository(Repository[M, K]):
    """A repository that hides rows of a model with the mixin `SoftDelete`.

    A hidden entity leaves the session, together with the entities that its cascades reach. So `get`
    does not find it there.
    """

    async def delete(self, entity: M) -> None:
        """Hide a row. `restore` shows it again.

        Raises:
            UnitOfWorkError: the row belongs to another session.
            StaleData: the row is gone, or has another version.
        """
        await self.update(entity, deleted_at=func.now())
        await self.session.refresh(entity, ["deleted_at"])
        self.session.expunge(entity)

    async def delete_where(self, *criteria: Criterion) -> int:
        """Hide the rows that meet all criteria, in one statement. Return how many.

        Raises:
            TypeError: there are no criteria, they name another table and do not join it, or the model is
                not mapped to one table.
        """
        mine = [each for each in self.session if isinstance(each, self.model)]
        shown = [each for each in mine if vars(each).get("deleted_at") is None]
        count = await self.update_where(*criteria, deleted_at=func.now())
        for entity in shown:
            # The cascade of another one can have reached it.
            if entity in self.session and vars(entity).get("deleted_at") is not None:
                self.session.expunge(entity)
        return count

    async def restore(self, key: K) -> M:
        """Show a hidden row again, and return it.

        Raises:
            NotFound: no hidden row has this key.
            UniqueViolation: another row has its unique values.
        """
        is_hidden = self.model.__mapper__.columns.deleted_at.is_not(None)
        statement = self._select(self._has_key([key]), is_hidden, with_for_update=True)
        found = await self.session.scalars(statement, execution_options={"include_deleted": True})
        entity = found.unique().one_or_none()
        if entity is None:
            raise NotFound(f"there is no hidden {self.model.__name__} with this key")
        return await self.update(entity, deleted_at=None)

    async def purge(self, key: K) -> None:
        """Really delete a row, hidden or not, and the rows that its foreign keys delete with it.

        Raises:
            NotFound: no row has this key.
            ForeignKeyViolation: other rows still refer to this row.
            TypeError: the model is not mapped to one table.
        """
        if not await self._write([self._has_key([key])], include_deleted=True):
            raise NotFound(f"there is no {self.model.__name__} with this key")


@event.listens_for(SoftDelete, "instrument_class", propagate=True)
def _begin_to_hide(*_: object) -> None:
    # The hook costs time for each statement, so only projects with such a model have it.
    if not event.contains(GuardedSession, "do_orm_execute", _hide_deleted):
        event.listen(GuardedSession, "do_orm_execute", _hide_deleted)


def _hide_deleted(state: ORMExecuteState) -> None:
    options = state.execution_options
    if options.get("include_deleted"):
        return
    # The statement that loads the parents gave its option to this one.
    has_its_option = state.is_relationship_load and "include_deleted" in options
    if state.is_update or state.is_delete:
        rows_by_key = isinstance(state.parameters, list)
        mapper = state.bind_mapper
        if (state.is_delete or rows_by_key) and mapper and issubclass(mapper.class_, SoftDelete):
            how = "use a SoftDeleteRepository, or the execution option include_deleted=True"
            raise UnitOfWorkError(f"{mapper.class_.__name__} has soft delete: {how}")
    elif not state.is_select or state.is_column_load or has_its_option:
        return
    state.update_execution_options(include_deleted=False)
    state.statement = state.statement.options(_ALIVE)


@event.listens_for(SoftDelete, "before_delete", propagate=True)
def _refuse_to_delete(mapper: Mapper[Any], *_: object) -> None:
    raise UnitOfWorkError(f"{mapper.class_.__name__} has soft delete: use a SoftDeleteRepository")
