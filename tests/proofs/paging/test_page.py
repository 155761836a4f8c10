"""Keyset pages: their rows, their loader options, and their cursors."""

from typing import Any

import pytest
from sqlalchemy import Text, event, func, insert, inspect, select, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased, joinedload, selectinload, with_loader_criteria
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from shop import db
from tests.proofs.support.books import Author, Book, Editor, Sample, walk


class Books(db.Repository[Book, int]):
    model = Book


async def test_related_rows_are_loaded_and_rows_of_a_joined_collection_do_not_count(
    books: AsyncSession,
) -> None:
    pages = [
        await db.paginate(
            books, select(Author), order_by=[Author.id], limit=2, options=[option(Author.books)]
        )
        for option in (joinedload, selectinload)
    ]
    page = await Books(books).paginate(
        Book.author_id.is_not(None),
        order_by=[Book.id.desc()],
        limit=2,
        options=[joinedload(Book.author)],
    )

    for authors in pages:
        assert [[book.id for book in author.books] for author in authors.items] == [[1, 5], [2, 6]]
        assert authors.next is not None
    assert [book.author and book.author.id for book in page.items] == [3, 2]


async def test_hidden_rows_take_no_place_on_a_page(books: AsyncSession) -> None:
    @event.listens_for(books.sync_session, "do_orm_execute")
    def hide(state: Any) -> None:
        if not state.execution_options.get("include_hidden"):
            hidden = with_loader_criteria(Book, lambda book: book.id > 3, include_aliases=True)
            state.statement = state.statement.options(hidden)

    nullable = [Book.rating, Book.id]
    visible = [page async for page in walk(books, select(Book), *nullable, limit=3)]
    every = select(Book).execution_options(include_hidden=True)
    page = await db.paginate(books, every, order_by=nullable, limit=3)

    assert [[book.id for book in page.items] for page in visible] == [[4, 5, 6], [7]]
    assert [book.id for book in page.items] == [1, 2, 3]


async def test_the_order_may_have_a_column_of_an_outer_join(
    books: AsyncSession,
) -> None:
    joined = select(Book).outerjoin(Book.author)

    pages = [page async for page in walk(books, joined, Author.name, limit=1)]

    assert [page.items[0].id for page in pages] == [1, 5, 2, 6, 3, 7, 4]


async def test_terms_after_the_whole_key_do_not_change_the_order(books: AsyncSession) -> None:
    short = await Books(books).paginate(order_by=[Book.id], limit=2)
    long = await Books(books).paginate(order_by=[Book.id, Book.rating.desc()], limit=2)

    assert long == short


@pytest.mark.parametrize("order", [Book.id, Book.rating])
async def test_the_loader_options_of_the_statement_apply(books: AsyncSession, order: Any) -> None:
    first = await db.paginate(books, select(Book), order_by=[order], limit=1)
    loaded = select(Book).options(joinedload(Book.author))

    page = await db.paginate(books, loaded, order_by=[order], limit=9, cursor=first.next)

    assert len(page.items) == 6
    assert not any("author" in inspect(book).unloaded for book in page.items)


async def test_an_alias_has_pages_too(books: AsyncSession) -> None:
    other = aliased(Book)
    statement = select(other).where(other.id != 2).order_by(other.title).limit(1).offset(3)

    pages = [page async for page in walk(books, statement, other.year.desc(), limit=4)]

    assert [[book.id for book in page.items] for page in pages] == [[7, 6, 5, 4], [3, 1]]


async def test_a_cursor_has_the_values_that_were_read(books: AsyncSession) -> None:
    page = await Books(books).paginate(order_by=[Book.year], limit=2)
    page.items[-1].year = 9999
    with books.no_autoflush:
        again = await Books(books).paginate(order_by=[Book.year], limit=2)
        following = await Books(books).paginate(order_by=[Book.year], limit=2, cursor=again.next)

    assert again.next == page.next
    assert [book.id for book in following.items] == [3, 4]


async def test_the_row_of_a_cursor_may_be_gone(books: AsyncSession) -> None:
    page = await Books(books).paginate(order_by=[Book.year], limit=3)
    await books.delete(page.items[-1])

    following = await Books(books).paginate(order_by=[Book.year], limit=3, cursor=page.next)

    assert [book.id for book in following.items] == [4, 5, 6]


async def test_a_page_that_became_empty_leads_back_to_the_rows_before_it(
    books: AsyncSession,
) -> None:
    shelf = Books(books)
    page = await shelf.paginate(order_by=[Book.year], limit=5)
    await books.execute(text("DELETE FROM books WHERE id > 5"))
    empty = await shelf.paginate(order_by=[Book.year], limit=5, cursor=page.next)
    back = await shelf.paginate(order_by=[Book.year], limit=2, cursor=empty.previous)

    assert (list(empty.items), empty.next) == ([], None)
    assert [book.id for book in back.items] == [4, 5]
    assert back.next is not None


async def test_an_empty_previous_page_leads_forward_to_the_remaining_rows(
    books: AsyncSession,
) -> None:
    shelf = Books(books)
    first = await shelf.paginate(order_by=[Book.year], limit=5)
    second = await shelf.paginate(order_by=[Book.year], limit=5, cursor=first.next)
    await books.execute(text("DELETE FROM books WHERE id < 6"))
    empty = await shelf.paginate(order_by=[Book.year], limit=5, cursor=second.previous)
    forth = await shelf.paginate(order_by=[Book.year], limit=5, cursor=empty.next)

    assert (list(empty.items), empty.previous) == ([], None)
    assert empty.next is not None
    assert [book.id for book in forth.items] == [6, 7]


async def test_a_list_without_rows_is_one_empty_page(tables: AsyncSession) -> None:
    assert await Books(tables).paginate(order_by=[], limit=5) == db.Page([], None, None)


async def test_going_back_to_the_first_page_finds_rows_that_were_inserted_before_it(
    books: AsyncSession,
) -> None:
    shelf = Books(books)
    first = await shelf.paginate(order_by=[Book.year], limit=2)
    second = await shelf.paginate(order_by=[Book.year], limit=2, cursor=first.next)
    await books.execute(insert(Book), {"id": 100, "year": 1})

    back = await shelf.paginate(order_by=[Book.year], limit=2, cursor=second.previous)
    assert [book.id for book in back.items] == [1, 2]
    newest = await shelf.paginate(order_by=[Book.year], limit=2, cursor=back.previous)
    assert [book.id for book in newest.items] == [100]
    assert newest.previous is None


async def test_a_limit_below_1_is_refused(tables: AsyncSession) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        await Books(tables).paginate(order_by=[], limit=0)


class Sortable(FunctionElement[str]):
    """A construct that a project defines, and that only PostgreSQL compiles."""

    type = Text()
    inherit_cache = True


@compiles(Sortable, "postgresql")
def _compile_sortable(element: Sortable, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@pytest.mark.parametrize(
    "order",
    [
        -Book.year,
        type_coerce(Book.title.regexp_replace("^Book ", ""), Text),
        Book.year.desc().nulls_first(),
        Sortable(Book.title),
    ],
)
async def test_an_order_may_be_an_expression(books: AsyncSession, order: Any) -> None:
    pages = [page async for page in walk(books, select(Book), order, limit=3)]
    there = [book.id for page in pages for book in page.items]
    back = [
        page async for page in walk(books, select(Book), order, limit=3, start=pages[-1], back=True)
    ]
    forth = [page async for page in walk(books, select(Book), order, limit=3, start=back[-1])]

    assert sorted(there) == [1, 2, 3, 4, 5, 6, 7]
    assert there == [row.id for row in await books.scalars(select(Book).order_by(order, Book.id))]
    assert [book.id for page in forth for book in page.items] == there[3:]


async def test_rows_of_a_joined_subclass_are_paged(
    books: AsyncSession,
) -> None:
    await books.execute(insert(Editor), [{"id": n, "name": "e", "desk": n} for n in (10, 11, 12)])

    page = await db.paginate(books, select(Editor), order_by=[], limit=2)
    rest = await db.paginate(books, select(Editor), order_by=[], limit=2, cursor=page.next)

    assert [editor.id for editor in (*page.items, *rest.items)] == [10, 11, 12]
    assert len(page.items) == 2


NUMBERED = func.row_number().over(order_by=Book.id)


@pytest.mark.parametrize(
    "order", ["year", text("year"), Book.author, NUMBERED, NUMBERED + 1, 7, Book, None.__class__]
)
async def test_an_order_has_no_words_or_windows(tables: AsyncSession, order: Any) -> None:
    with pytest.raises(TypeError, match="order_by takes columns and SQL expressions, not text"):
        await Books(tables).paginate(order_by=[order], limit=1)


@pytest.mark.parametrize("order", [Sample.details, func.some_function(Sample.id)])
async def test_an_order_whose_values_fit_no_cursor_is_refused(
    tables: AsyncSession, order: Any
) -> None:
    with pytest.raises(TypeError, match="give its type"):
        await db.paginate(tables, select(Sample), order_by=[order], limit=1)


@pytest.mark.parametrize(
    "statement",
    [
        select(Book.id),
        select(Book, Author),
        select(Book, Book.id),
        select(func.count()),
        select(Book.__table__),
        select(),
    ],
    ids=["a column", "two entities", "an entity and a column", "a count", "a table", "nothing"],
)
async def test_a_page_has_the_rows_of_one_entity(tables: AsyncSession, statement: Any) -> None:
    with pytest.raises(TypeError, match="one entity"):
        await db.paginate(tables, statement, order_by=[], limit=1)


async def test_the_same_statement_has_other_criteria_in_each_call(books: AsyncSession) -> None:
    statement = select(Book)
    first, second = [
        await db.paginate(books, statement, Book.id > low, order_by=[Book.id], limit=2)
        for low in (2, 5)
    ]
    following = await db.paginate(
        books, statement, Book.id > 2, order_by=[Book.id], limit=2, cursor=first.next
    )
    every = await db.paginate(books, statement, order_by=[Book.id], limit=2)

    pages = (first, second, following, every)
    assert [[book.id for book in page.items] for page in pages] == [[3, 4], [6, 7], [5, 6], [1, 2]]


other = aliased(Author)
BOTH = Book.author_id == Author.id
NUMBER = select(func.count(Editor.id)).where(Editor.id > Book.id).scalar_subquery()


@pytest.mark.parametrize("order", [Author.name, other.name, func.lower(Author.name, type_=Text)])
@pytest.mark.parametrize("statement", [select(Book), select(Book).where(Author.id == 1)])
async def test_an_order_by_a_table_that_nothing_joins_is_refused(
    books: AsyncSession, order: Any, statement: Any
) -> None:
    shelf = Books(books)
    with pytest.raises(TypeError, match=r"^nothing joins .*(authors|books)"):
        await db.paginate(books, statement, order_by=[order], limit=1)
    with pytest.raises(TypeError, match=r"^nothing joins .*(authors|books)"):
        await shelf.paginate(order_by=[Book.year, order], limit=1)
    assert (await shelf.paginate(BOTH, Author.id == other.id, order_by=[order], limit=9)).items


@pytest.mark.parametrize(
    ("statement", "order"),
    [
        (select(Book).where(BOTH), Author.name),
        (select(Book).join(Book.author), Author.name),
        (select(Book).outerjoin(other, Book.author_id == other.id), other.name),
        (select(Book), NUMBER),
        (select(Editor), Editor.name),
        (select(aliased(Editor)), None),
    ],
)
async def test_an_order_by_a_table_that_is_joined_is_not_refused(
    books: AsyncSession, statement: Any, order: Any
) -> None:
    [entity] = [each["entity"] for each in statement.column_descriptions]
    order = entity.name if order is None else order
    assert await db.paginate(books, statement, order_by=[order], limit=1)
