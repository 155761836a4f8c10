"""Read and change the rows of one model.

::

    class UserRepository(Repository[User, uuid.UUID]):
        model = User

        async def by_email(self, email: str) -> User | None:
            return await self.one_or_none(User.email == email)

A method that changes rows flushes. So that method raises the error of a violated constraint, and
the entity has the server's values when it returns. No method commits: the unit of work does.

Methods with `_rows` take mappings by attribute name, which never enter the session. Methods with
`_where` take criteria, and those with `_by_keys` take primary keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, delete, inspect, update
from sqlalchemy.orm.attributes import flag_modified

from ..engine.translation import translated
from ..errors import UnitOfWorkError
from ..paging.order import refuse_unjoined
from ..unset import UNSET
from .batches import columns_of, expressions_of, next_version, one_table, taken_apart
from .read import Criterion, K, M
from .rows import RowRepository


class Repository(RowRepository[M, K]):
    """Read the rows of `model`, as `ReadRepository` does, and change them."""

    async def add(self, entity: M) -> M:
        """Insert a row. The entity then has its key and the values that the server fills in.

        Raises:
            ConstraintViolation: for example a `UniqueViolation`. The transaction cannot continue,
                unless `add` ran in a savepoint.
            TypeError: the entity has another class than `model`.
        """
        self.session.add(self._own(entity))
        await self.session.flush()
        return entity

    async def add_many(self, entities: Iterable[M]) -> Sequence[M]:
        """Insert rows, all or none. Rows with the same attributes share a statement."""
        added = [self._own(entity) for entity in entities]
        self.session.add_all(added)
        await self.session.flush()
        return added

    async def update(self, entity: M, /, **values: object) -> M:
        """Set attributes of a row, and write the changed ones. If one is refused, none is set.

        Args:
            entity: a row of this session.
            values: the new values by attribute name. `UNSET` leaves an attribute as it is.

        Raises:
            TypeError: the entity has another class. Or the model has no such attribute, or computes it.
                Or a value is no entity of the relationship.
            UnitOfWorkError: the row belongs to another session, so nothing would be written.
            ConstraintViolation: as for `add`.
            StaleData: the row is gone, or has another version.
        """
        if self._own(entity) not in self.session:
            raise UnitOfWorkError(f"{entity!r} is not in this unit of work: get it here first")
        mapper = self.model.__mapper__
        # A hybrid property without a setter has the `fset` None.
        others = {n for n, d in mapper.all_orm_descriptors.items() if getattr(d, "fset", n)}
        columns_of(self.model, values.keys() - others.difference(mapper.columns.keys()))
        taken_apart(self.model, chosen := {n: v for n, v in values.items() if v is not UNSET})
        for name in chosen.keys() & mapper.relationships.keys():
            relationship, value = mapper.relationships[name], chosen[name]
            given: Any = value.values() if isinstance(value, Mapping) else value
            if not relationship.uselist:
                given = () if value is None else (value,)
            kind = relationship.entity.class_
            if not isinstance(given, Iterable) or not all(isinstance(g, kind) for g in given):
                raise TypeError(f"{name} takes no value of this type: give {kind.__name__}")
        before = {**vars(entity)}
        try:
            for name, value in chosen.items():
                with translated:
                    setattr(entity, name, value)
                if value is before.get(name) and type(value) in {dict, list}:
                    flag_modified(entity, name)  # it may have changed inside
        except BaseException:
            for name in vars(entity).keys() - before.keys():
                self.session.expire(entity, [name])  # it was not loaded
            for name, value in before.items():
                if vars(entity).get(name) is not value:
                    setattr(entity, name, value)
            raise
        await self.session.flush()
        return entity

    async def delete(self, entity: M) -> None:
        """Delete a row, and the rows that its relationships and foreign keys delete with it.

        Raises:
            ForeignKeyViolation: other rows still refer to it.
            StaleData: the row has another version. Without a version column, it is no error if the
                row is gone already.
        """
        await self.session.delete(self._own(entity))
        await self.session.flush()

    async def delete_by_keys(self, keys: Iterable[K]) -> int:
        """Delete the rows with these primary keys. Return how many there were.

        Cascades of foreign keys apply. Cascades of relationships do not, as in `delete_where`.
        """
        return sum([await self.delete_where(each) for each in self._have_keys(keys)])

    async def update_by_keys(self, keys: Iterable[K], /, **values: object) -> int:
        """Change the rows with these primary keys, as `update_where` does. Return how many there were.

        For the entities, use `get_by_keys` and `update`. For other values in each row, `update_rows`.
        """
        return sum([await self.update_where(each, **values) for each in self._have_keys(keys)])

    async def delete_where(self, *criteria: Criterion) -> int:
        """Delete the rows that meet all criteria, in one statement. Return how many there were.

        The rows leave the session. Cascades of foreign keys apply. Cascades of relationships do not.

        Raises:
            TypeError: there are no criteria, or they name another table and do not join it. To
                delete all rows write `true()`. Or the model is not mapped to one table.
            ForeignKeyViolation: other rows still refer to one of them.
        """
        return await self._write(criteria)

    async def update_where(self, *criteria: Criterion, **values: object) -> int:
        """Change the rows that meet all criteria, in one statement. Return how many there were.

        Columns with an `onupdate` are set. A version is increased, but not checked. Hidden rows do
        not change. Entities in the session get the new values. Events of the mapper and validators
        (`@validates`) do not run.

        Args:
            criteria: as for `delete_where`.
            values: the new values by attribute name. They may be SQL, such as `User.credits + 1`.
                `UNSET` leaves an attribute as it is.

        Raises:
            TypeError: as for `delete_where`; or the model has no such column.
            ConstraintViolation: as for `add`.
        """
        chosen = {name: value for name, value in values.items() if value is not UNSET}
        if not (given := taken_apart(self.model, chosen)):
            return 0
        new = next_version(self.model)
        new |= zip(columns_of(self.model, given), given.values(), strict=True)
        # The server knows which rows were chosen.
        count = await self._write(criteria, new, synchronize_session="fetch")
        # What the server computed has expired in the session, and would be I/O outside of `await`.
        mine = [each for each in self.session if isinstance(each, self.model)]
        expressions = expressions_of(self.model)
        for entity in mine:
            if computed := vars(entity).keys() & expressions:
                self.session.expire(entity, computed)
        keys: Any = [each.identity for each in map(inspect, mine) if each.expired_attributes]
        for criterion in self._have_keys(keys):
            again = self._select(criterion).execution_options(include_deleted=True)
            (await self.session.scalars(again)).unique().all()
        return count

    def _own(self, entity: M) -> M:
        if not isinstance(entity, self.model):
            raise TypeError(f"a {type(entity).__name__} is no {self.model.__name__}")
        return entity

    async def _write(self, criteria: Sequence[Criterion], new: Any = None, **options: Any) -> int:
        """Run an UPDATE with new values, or a DELETE. Return how many rows met all criteria.

        Criteria that name another table and do not join it choose all rows: `User.name == "Ada"` is true
        for each row of `posts` if there is an Ada. SQLAlchemy only warns, while such a statement runs.
        """
        one_table(self.model)
        where = self._select(*criteria).whereclause
        # With an empty `and_()`, SQLAlchemy would leave out the WHERE.
        if where is None or not str(where):
            raise TypeError("this method needs criteria: for all rows, write true()")
        change = delete(self.model) if new is None else update(self.model).values(new)
        chosen = change.where(where)
        refuse_unjoined(chosen, "the criteria do not join {}, so they choose all rows: join them")
        await self.session.flush()
        result = await self.session.execute(chosen, execution_options=options)
        return cast("CursorResult[Any]", result).rowcount
