"""Every type of PostgreSQL is paged and filtered without an error, or refused at the very beginning."""

import datetime
from typing import Any

import pytest
from sqlalchemy import insert, literal_column, select, text, type_coerce
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncSession

from shop import db
from tests.proofs.support.books import Sample, walk
from tests.proofs.support.typed import KEYED, REFUSED, SCALARS, Typed, Untyped, create, fill

OPERATORS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
FILTERED = [name for name, case in SCALARS.items() if case.filtered]


def test_the_matrix_has_all_types_that_sqlalchemy_knows() -> None:
    kinds = [*(case.kind for case in SCALARS.values()), *REFUSED.values()]

    missing = {
        name
        for name, known in ischema_names.items()
        if not any(isinstance(kind, known) or issubclass(known, type(kind)) for kind in kinds)
    }

    assert not missing


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", SCALARS)
async def test_pages_of_each_scalar_type_lose_no_row(
    typed: AsyncSession, name: str, descending: bool
) -> None:
    expected = await fill(typed, name)
    column = getattr(Typed, name)
    order = [column.desc(), Typed.id.desc()] if descending else [column]
    expected = expected[::-1] if descending else expected

    pages = [page async for page in walk(typed, select(Typed), *order, limit=1)]
    back = walk(typed, select(Typed), *order, limit=1, start=pages[-1], back=True)

    assert [page.items[0].id for page in pages] == expected
    assert [page.items[0].id async for page in back] == expected[-2::-1]


@pytest.mark.parametrize("name", SCALARS)
async def test_each_scalar_type_can_be_the_primary_key_of_what_is_paged(
    typed: AsyncSession, name: str
) -> None:
    model, case = KEYED[name], SCALARS[name]
    await create(typed, model)
    values = ", ".join(f"({literal})" for literal in case.literals)
    await typed.execute(text(f"INSERT INTO {model.__tablename__} VALUES {values}"))  # noqa: S608  # literals
    stored = (await typed.scalars(select(model.value).order_by(model.value))).all()

    pages = [page async for page in walk(typed, select(model), limit=1)]
    back = [page async for page in walk(typed, select(model), limit=1, start=pages[-1], back=True)]

    found = [page.items[0].value for page in pages]
    assert list(map(str, found)) == list(map(str, stored))  # NaN does not equal itself
    assert [str(page.items[0].value) for page in back] == list(map(str, stored))[-2::-1]


@pytest.mark.parametrize("name", FILTERED)
async def test_each_scalar_type_can_be_filtered_by_its_text(typed: AsyncSession, name: str) -> None:
    await fill(typed, name)
    case, fields = SCALARS[name], db.AllowedFields({name: getattr(Typed, name)})

    async def found(values: dict[str, object]) -> list[int]:
        rows = select(Typed.id).where(*fields.criteria(values)).order_by(Typed.id)
        return list(await typed.scalars(rows))

    for literal, given in zip(case.literals, case.texts, strict=False):
        for verb, sign in OPERATORS.items():
            where = f"SELECT id FROM typed WHERE {name} {sign} {literal} ORDER BY id"  # noqa: S608  # literals
            expected = list(await typed.scalars(text(where)))
            assert await found({f"{name}.{verb}": given}) == expected, (verb, given)
    number = len(case.literals)
    everything = [row for row in range(2 * number) if row % number < len(case.texts)]
    assert await found({f"{name}.in": case.texts}) == everything
    assert await found({f"{name}.null": "true"}) == [2 * number]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("char", "ab"),
        ("char_5", "abcde f"),
        ("varchar_2", "ab c"),
        ("numeric_10_2", "0.101"),
        ("smallint", "32768"),
        ("real", "0.5000000001"),
    ],
)
async def test_a_value_is_not_cut_or_rounded_to_fit_its_column(
    typed: AsyncSession, name: str, given: str
) -> None:
    await fill(typed, name)
    fields = db.AllowedFields({name: getattr(Typed, name)})

    for verb in ("eq", "in"):
        criteria = fields.criteria({f"{name}.{verb}": given})
        assert (await typed.scalars(select(Typed.id).where(*criteria))).all() == []


# SQLAlchemy warns when some types are used in an expression.
@pytest.mark.filterwarnings("ignore:Type object:sqlalchemy.exc.SADeprecationWarning")
@pytest.mark.parametrize("name", REFUSED)
async def test_other_types_are_refused_by_the_first_page_even_if_it_is_empty(
    typed: AsyncSession, name: str
) -> None:
    with pytest.raises(TypeError, match=r"use cast\(\)"):
        await db.paginate(typed, select(Untyped), order_by=[getattr(Untyped, name)], limit=1)
    with pytest.raises(TypeError, match=f"{name}: .* give its type, .* or use cast"):
        db.AllowedFields({name: getattr(Untyped, name)})


@pytest.mark.parametrize("name", [name for name, case in SCALARS.items() if not case.filtered])
def test_a_decorated_type_needs_a_type_of_python_to_be_filtered_by(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: give .* the property `python_type`"):
        db.AllowedFields({name: getattr(Typed, name)})


@pytest.mark.parametrize(
    "order",
    [
        type_coerce(Sample.code, SCALARS["integer"].kind),
        type_coerce(Sample.id, SCALARS["text"].kind),
        type_coerce(Sample.code, SCALARS["timestamptz"].kind),
        type_coerce(Sample.wall, SCALARS["timestamptz"].kind),
        type_coerce(Sample.wall, SCALARS["date"].kind),
        literal_column("extract(epoch from now())", SCALARS["integer"].kind),
    ],
)
async def test_values_that_are_not_of_their_type_are_refused_by_the_first_page(
    tables: AsyncSession, order: Any
) -> None:
    wall = datetime.datetime(2024, 2, 29, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
    await tables.execute(insert(Sample), {"code": "a", "wall": wall})  # the only page

    for _ in range(2):  # the format of the cursor stays, and must not learn from the failure
        with pytest.raises(TypeError, match="does not have the type"):
            await db.paginate(tables, select(Sample), order_by=[order], limit=5)
