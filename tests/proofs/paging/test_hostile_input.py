"""The answer to any input of a client is rows or `InvalidInput`, and the SQL stays short."""

import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, event, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler

from shop import db
from shop.db import Database, errors, search
from tests.proofs.support.accounts import Account, Work
from tests.proofs.support.books import Book
from tests.proofs.support.typed import HOSTILE, SCALARS, Typed, fill

OPERATORS = [
    *("eq", "ne", "lt", "le", "gt", "ge", "in", "null", "between", "startswith"),
    *("not_in", "not_between", "not_startswith"),
]
UNKNOWN = ["", "like", "__class__", "eq.eq", "IN", "\0"]
FILTERED = [name for name, case in SCALARS.items() if case.filtered]


def accepted(name: str, values: list[object], *verbs: str) -> Iterator[ColumnElement[bool]]:
    """Yield the criteria of the values that a type accepts."""
    fields = db.AllowedFields({name: getattr(Typed, name)})
    for value in values:
        for verb in verbs:
            with contextlib.suppress(errors.InvalidInput):
                yield from fields.criteria({f"{name}.{verb}": value})


@pytest.mark.parametrize("name", FILTERED)
async def test_hostile_values_are_refused_or_are_values(typed: AsyncSession, name: str) -> None:
    await fill(typed, name)
    values = [*HOSTILE, *([value] * 2 for value in HOSTILE)]

    criteria = list(accepted(name, values, *OPERATORS, *UNKNOWN))
    rows = await typed.execute(select(Typed.id, *(each.label(None) for each in criteria)))

    print(f"{name}: {len(criteria)} of {len(values) * len(OPERATORS)} criteria are accepted")
    assert len(rows.all()) == 2 * len(SCALARS[name].literals) + 1


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(FILTERED),
    st.lists(
        st.text()
        | st.text("0123456789-+:TZP.eE,")
        | st.integers()
        | st.floats()
        | st.decimals()
        | st.datetimes(timezones=st.none() | st.timezones())
        | st.dates()
        | st.times(timezones=st.none() | st.timezones())
        | st.timedeltas()
        | st.binary()
        | st.lists(st.text() | st.integers() | st.none()),
        max_size=20,
    ),
)
async def test_any_value_is_refused_or_is_a_value(
    typed: AsyncSession, name: str, values: list[object]
) -> None:
    criteria = list(accepted(name, values, *OPERATORS))

    await typed.execute(select(Typed.id, *(each.label(None) for each in criteria)))


@pytest.mark.parametrize("name", SCALARS)
async def test_a_cursor_with_hostile_values_is_refused_or_is_a_place(
    typed: AsyncSession, name: str
) -> None:
    await fill(typed, name)
    order = [getattr(Typed, name)]
    first = await db.paginate(typed, select(Typed), order_by=order, limit=1)
    content = json.loads(base64.urlsafe_b64decode(f"{first.next}=="))

    for value in [each for each in HOSTILE if isinstance(each, str | int | float | list | dict)]:
        content[2][0] = value
        cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
        with contextlib.suppress(errors.InvalidCursor):
            await db.paginate(typed, select(Typed), order_by=order, limit=1, cursor=cursor)


@pytest.mark.parametrize("text", ["word " * 5_000, "a" * 501, "a " * 17, "a\0", "\ud800"])
def test_a_search_without_bounds_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidInput):
        search(text, Account.name)


@pytest.mark.parametrize("values", [range(129), ["1"] * 129, ",".join("1" * 129)], ids=str)
def test_a_list_without_bounds_is_refused(values: object) -> None:
    with pytest.raises(errors.InvalidInput):
        db.AllowedFields({"room": Account.room}).criteria({"room.in": values})


def test_an_order_without_bounds_is_refused() -> None:
    fields = db.AllowedFields({f"f{number}": Account.room for number in range(9)})

    with pytest.raises(errors.InvalidInput, match="at most 4 fields"):
        fields.order_by("f1,f2,f3,f4,f5")


@pytest.mark.parametrize("name", ["", " a", "-a", "a,b", "a.", ".a", "a.eq", "a.b.null", "a\n"])
def test_a_name_that_no_client_can_write_is_refused_at_once(name: str) -> None:
    with pytest.raises(TypeError, match="not usable"):
        db.AllowedFields({name: Account.name})


async def test_a_name_with_a_dot_sorts_and_filters(bank: Database[Work]) -> None:
    fields = db.AllowedFields(
        {"account.name": Account.name, "account": Account.balance, "eq": Account.id}
    )
    async with bank.unit_of_work() as work:
        for values in (
            {"account.name": "b"},
            {"account.name.gt": "a"},
            {"eq.gt": 1, "account": 100},
        ):
            order = fields.order_by("-account.name,eq")
            found = await work.accounts.all(*fields.criteria(values), order_by=order)
            assert [account.name for account in found] == ["b"]


async def test_the_number_of_values_makes_few_statements(bank: Database[Work]) -> None:
    statements = set[str]()
    event.listen(
        bank.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cu, statement, *_: statements.add(statement),
    )

    def different() -> int:
        number = len(statements)
        statements.clear()
        return number

    fields = db.AllowedFields({"room": Account.room})
    async with bank.unit_of_work() as work:
        different()
        for number in (*range(70), 127, 128):
            await work.accounts.all(*fields.criteria({"room.in": [*range(number)]}))
        assert different() == 9
        for number in (*range(1, 40), 64, 65, 129, 200):
            await work.accounts.delete_by_keys(range(1000, 1000 + number))
            await work.seats.delete_by_keys([("A", each) for each in range(number)])
        assert different() == 2 * 9
        await work.accounts.delete_by_keys(range(1000, 50_000))
        assert different() <= 2
        for number in range(17):
            await work.accounts.all(search("word " * number, Account.name, Account.secret))
        assert different() == 17


async def test_nothing_is_compiled_again_for_another_page(
    tables: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tables.execute(insert(Book), [{"rating": number} for number in range(9)])
    order = [Book.rating.desc(), Book.title]

    fields = db.AllowedFields({"year": Book.year})

    async def walk() -> None:
        books = select(Book).where(*fields.criteria({"year.ge": "1", "year.in": "2000,2001"}))
        page = await db.paginate(tables, books, order_by=order, limit=3)
        page = await db.paginate(tables, books, order_by=order, limit=3, cursor=page.next)
        await db.paginate(tables, books, order_by=order, limit=3, cursor=page.previous)

    await walk()
    made: list[type] = []
    for kind in (SQLCompiler, TypeAdapter):
        create: Any = kind.__init__

        def count(self: Any, *args: Any, create: Any = create, **kwargs: Any) -> None:
            made.append(type(self))
            create(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", count)
    await walk()

    assert made == []
