"""Pages of a join that repeats rows: no row is hidden, and a row is one item for each of its places."""

from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from shop import db
from tests.proofs.support.books import Author, Book, walk


@pytest.mark.parametrize("order", [[], [Author.name.desc()], [Author.name.nulls_first()]])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_rows_that_a_join_repeats_hide_no_other_row(
    books: AsyncSession, order: list[Any], limit: int
) -> None:
    joined = select(Author).join(Author.books)  # two books of each author, and one more
    await books.execute(insert(Book), {"id": 100, "author_id": 1})

    pages = [page async for page in walk(books, joined, *order, limit=limit)]
    back = [
        page async for page in walk(books, joined, *order, limit=limit, start=pages[-1], back=True)
    ]

    there = {author.id for page in pages for author in page.items}
    back_again = {author.id for page in [pages[-1], *back] for author in page.items}
    assert there == back_again == {1, 2, 3}


@pytest.mark.parametrize("order", [[], [Author.name.desc()], [Book.rating, Book.id.desc()]])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_rows_that_a_join_repeats_have_cursors_and_a_last_page(
    books: AsyncSession, order: list[Any], limit: int
) -> None:
    joined = select(Author).join(Author.books).options(joinedload(Author.books))

    async def read(size: int, cursor: str | None = None, *, backward: bool = False) -> list[int]:
        page = await db.paginate(
            books, joined, order_by=order, limit=size, cursor=cursor, backward=backward
        )
        return [author.id for author in page.items]

    whole = await db.paginate(books, joined, order_by=order, limit=99, item_cursors=True)
    ids = [author.id for author in whole.items]
    assert await read(limit, backward=True) == ids[-limit:]
    for place, cursor in enumerate(whole.item_cursors):
        assert await read(limit, cursor) == ids[place + 1 :][:limit]
        assert await read(limit, cursor, backward=True) == ids[:place][-limit:]


async def test_a_row_is_an_item_for_each_of_its_places(books: AsyncSession) -> None:
    joined = select(Author).join(Author.books).options(joinedload(Author.books))

    pages = [page async for page in walk(books, joined, Book.id, limit=4)]

    assert [[author.id for author in page.items] for page in pages] == [[1, 2, 3, 1], [2, 3]]


@pytest.mark.parametrize("order", [[Author.id], [Author.name.desc(), Author.id]])
async def test_a_page_of_repeated_rows_has_a_next_one_only_if_other_rows_follow(
    books: AsyncSession, order: list[Any]
) -> None:
    joined = select(Author).join(Author.books).options(joinedload(Author.books))

    pages = [page async for page in walk(books, joined, *order, limit=3)]
    every = [author.id for page in pages for author in page.items]

    assert len(every) == len(set(every)) == 3
    assert all(page.items for page in pages)
