"""The text of a client is looked up and converted, and never becomes SQL."""

import datetime
import enum
import uuid
from decimal import Decimal

import pytest
from sqlalchemy import BigInteger, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import AllowedFields, Database, errors, search
from tests.proofs.support.accounts import Account, ProofBase, Work
from tests.proofs.support.books import Book

FIELDS = AllowedFields(
    {
        "name": Account.name,
        "balance": Account.balance,
        "room": Account.room,
        "created": Account.created_at,
        "price": Account.price,
        "length": func.length(Account.name, type_=BigInteger),
    }
)


async def found(bank: Database[Work], values: dict[str, object], order: str = "name") -> list[str]:
    async with bank.unit_of_work() as work:
        rows = await work.accounts.all(*FIELDS.criteria(values), order_by=FIELDS.order_by(order))
        return [account.name for account in rows]


@pytest.fixture
async def shelf(bank: Database[Work]) -> Database[Work]:
    """Four accounts: a and b with 100, ccc with 7 in room 1, 100%_\\ with none and a price."""
    async with bank.unit_of_work() as work:
        await work.accounts.add(Account(name="ccc", balance=7, room=1))
        await work.accounts.add(Account(name="100%_\\", balance=0, price=Decimal("9.50")))
    return bank


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["100%_\\", "a", "b", "ccc"]),
        ({"name": "a"}, ["a"]),
        ({"name.eq": "a"}, ["a"]),
        ({"name.ne": "a"}, ["100%_\\", "b", "ccc"]),
        ({"balance.lt": "7"}, ["100%_\\"]),
        ({"balance.le": "7"}, ["100%_\\", "ccc"]),
        ({"balance.gt": "7"}, ["a", "b"]),
        ({"balance.ge": 7, "balance.lt": 100}, ["ccc"]),
        ({"balance.in": "7,0"}, ["100%_\\", "ccc"]),
        ({"balance.in": [100, 7]}, ["a", "b", "ccc"]),
        ({"balance.in": ""}, []),
        ({"balance.not_in": "7,0,"}, ["a", "b"]),
        ({"balance.not_in": []}, ["100%_\\", "a", "b", "ccc"]),
        ({"room.not_in": [2]}, ["ccc"]),  # NULL is not compared
        ({"balance.between": "7,100"}, ["a", "b", "ccc"]),
        ({"balance.between": [100, 7]}, []),
        ({"balance.not_between": (1, 7)}, ["100%_\\", "a", "b"]),
        ({"name.startswith": "c"}, ["ccc"]),
        ({"name.startswith": "100%_\\"}, ["100%_\\"]),
        ({"name.startswith": "%"}, []),
        ({"name.startswith": "_"}, []),
        ({"name.startswith": ""}, ["100%_\\", "a", "b", "ccc"]),
        ({"name.not_startswith": "c"}, ["100%_\\", "a", "b"]),
        ({"room.null": "true"}, ["100%_\\", "a", "b"]),
        ({"room.null": False}, ["ccc"]),
        ({"price": "9.5"}, ["100%_\\"]),
        ({"length.gt": "1"}, ["100%_\\", "ccc"]),
        ({"created.gt": "2020-01-01T00:00:00Z"}, ["100%_\\", "a", "b", "ccc"]),
        ({"created.gt": datetime.datetime(9000, 1, 1, tzinfo=datetime.UTC)}, []),
    ],
    ids=str,
)
async def test_rows_are_filtered(
    shelf: Database[Work], values: dict[str, object], expected: list[str]
) -> None:
    assert await found(shelf, values) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("-balance,name", ["a", "b", "ccc", "100%_\\"]),
        (" balance , -name ", ["100%_\\", "ccc", "b", "a"]),
        ("-length,name", ["100%_\\", "ccc", "a", "b"]),
    ],
)
async def test_rows_are_sorted(shelf: Database[Work], order: str, expected: list[str]) -> None:
    assert await found(shelf, {}, order) == expected


def test_an_empty_order_has_no_terms() -> None:
    assert FIELDS.order_by("") == []


@pytest.mark.parametrize(
    "order", ["secret", "name; DROP TABLE accounts", "-", "--name", "name,-name"]
)
def test_an_order_that_is_not_allowed_is_refused(order: str) -> None:
    with pytest.raises(errors.InvalidInput):
        FIELDS.order_by(order)


@pytest.mark.parametrize(
    "values",
    [
        {"secret": "x"},
        {"name.like": "%"},
        {"name.__class__": "x"},
        {"balance": "many"},
        {"balance": "1' OR '1'='1"},
        {"balance.in": "1,x"},
        {"balance.in": 7},
        {"balance.not_in": ["x"]},
        {"balance.between": "7"},
        {"balance.between": "6,7,8"},
        {"balance.between": 7},
        {"balance.between": {6, 7}},  # a set has no order
        {"balance.startswith": "7"},
        {"name.startswith": 7},
        {"name.not_eq": "x"},
        {"balance": None},
        {"created.gt": "yesterday"},
        {"created.gt": "2020-01-01T00:00:00"},  # it has no time zone
        {"room.null": "perhaps"},
    ],
    ids=str,
)
def test_the_refusal_of_a_filter_does_not_show_its_value(values: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidInput) as error:
        FIELDS.criteria(values)

    assert all(str(value) not in str(error.value) for value in values.values())


def test_a_refusal_names_the_allowed_fields() -> None:
    with pytest.raises(errors.InvalidInput, match="name, balance, room"):
        FIELDS.order_by("secret")


async def test_hostile_text_is_only_a_value(shelf: Database[Work]) -> None:
    assert await found(shelf, {"name": "' OR 1 = 1; DROP TABLE accounts; --"}) == []
    assert len(await found(shelf, {})) == 4


def test_an_expression_without_a_type_is_refused_immediately() -> None:
    with pytest.raises(TypeError, match=r"length: .* give its type"):
        AllowedFields({"length": func.length(Account.name)})


def test_a_relationship_is_refused_immediately() -> None:
    with pytest.raises(TypeError, match="author: "):
        AllowedFields({"author": Book.author})


class Mood(enum.StrEnum):
    GOOD = "good"
    BAD = "bad"


class Cat(ProofBase):
    __tablename__ = "cats"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    mood: Mapped[Mood]
    born: Mapped[datetime.date]

    @hybrid_property
    def happy(self) -> bool:
        return self.mood == Mood.GOOD


def test_every_type_of_a_column_is_converted() -> None:
    key = uuid.uuid4()
    cats = AllowedFields({"id": Cat.id, "mood": Cat.mood, "born": Cat.born})

    criteria = cats.criteria({"id": str(key), "mood": "bad", "born.lt": "2020-02-03"})

    bound = [value for each in criteria for value in each.compile().params.values()]
    assert bound == [key, "BAD", datetime.date(2020, 2, 3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%", ["100%_\\"]),
        ("_", ["100%_\\"]),
        ("\\", ["100%_\\"]),
        ("C", ["ccc"]),
        ("0 %", ["100%_\\"]),
        ("a b", []),
        ("  ", ["100%_\\", "a", "b", "ccc"]),
        ("'", []),
    ],
)
async def test_a_search_has_no_wildcards(
    shelf: Database[Work], text: str, expected: list[str]
) -> None:
    async with shelf.unit_of_work() as work:
        rows = await work.accounts.all(
            search(text, Account.name, Account.secret), order_by=[Account.name]
        )

    assert [account.name for account in rows] == expected


async def test_a_search_without_columns_finds_nothing(shelf: Database[Work]) -> None:
    async with shelf.unit_of_work() as work:
        assert await work.accounts.all(search("a")) == []
