"""A page reads only its own rows, in every order and at every depth. The plans of the server show it."""

from typing import Any

from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shop import db
from tests.proofs.support.books import Book, PagedBase, walk

ROWS = 200_000
LIMIT = 50

# By name: the order, and the number of places in the index where a page may begin.
ORDERS: dict[str, tuple[list[Any], int]] = {
    "by the key": ([], 1),
    "uniform": ([Book.year], 1),
    "uniform, descending": ([Book.year.desc(), Book.id.desc()], 1),
    "mixed": ([Book.year.desc(), Book.title, Book.id], 2),
    "mixed, the index reversed": ([Book.year, Book.title.desc()], 2),
    "nullable": ([Book.rating], 3),
    "nullable, descending": ([Book.rating.desc()], 3),
    "nullable and mixed": ([Book.rating.desc().nulls_last(), Book.year, Book.id.desc()], 4),
}


async def test_a_deep_page_reads_no_more_rows_than_the_first_page(tables: AsyncSession) -> None:
    """Each order has an index. A condition with OR would filter all rows before the page."""
    connection = await tables.connection()
    indexes = PagedBase.metadata.tables["books"].indexes
    for index in indexes:  # it is faster to create them after the rows
        await connection.run_sync(index.drop)
    await tables.execute(
        text(
            "INSERT INTO books (rating, year, title) SELECT nullif(n * 7919 % 1000, 0), n * 31 % 300, "
            "'t' || n * 17 % 5000 FROM generate_series(1, :rows) AS n"
        ),
        {"rows": ROWS},
    )
    for index in indexes:
        await connection.run_sync(index.create)
    await tables.execute(text("ANALYZE books"))

    for name, (order, places) in ORDERS.items():
        for depth in (0.99, 0.9995):  # the NULLs come last
            for cursor in await cursors_at(tables, order, depth):
                for plan in ("custom", "generic"):
                    await tables.execute(text(f"SET LOCAL plan_cache_mode = force_{plan}_plan"))
                    read, filtered, milliseconds = await explain(tables, order, cursor)

                    print(f"{name:25} {depth:7.2%} {plan:8}: {read=:.0f} {milliseconds=}")
                    # A statement reads each range up to the limit.
                    assert read <= places * (LIMIT + 1), name
                    assert filtered == 0, name


async def cursors_at(session: AsyncSession, order: list[Any], depth: float) -> list[str]:
    """Return cursors to the next and the previous page, deep in the list."""
    await session.execute(text("SET LOCAL plan_cache_mode = auto"))
    deep = select(Book.id).order_by(*order, Book.id).offset(int(ROWS * depth)).limit(2)
    two = select(Book).where(Book.id.in_((await session.scalars(deep)).all()))
    first, second = [page async for page in walk(session, two, *order, limit=1)]
    assert first.next is not None
    assert second.previous is not None
    return [first.next, second.previous]


async def explain(
    session: AsyncSession, order: list[Any], cursor: str
) -> tuple[float, float, float]:
    """Return how many rows a page read, how many it dropped, and its milliseconds on the server."""
    connection = await session.connection()
    seen: list[tuple[str, tuple[object, ...]]] = []

    def listen(*args: Any) -> None:
        seen.append((args[2], args[3]))

    event.listen(connection.sync_connection, "before_cursor_execute", listen)
    page = await db.paginate(session, select(Book), order_by=order, limit=LIMIT, cursor=cursor)
    event.remove(connection.sync_connection, "before_cursor_execute", listen)
    session.expunge_all()

    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    read = filtered = milliseconds = 0.0
    for statement, parameters in seen:
        # Prepare the statement, as the application does.
        await driver.execute(f"PREPARE page AS {statement}")
        values = ", ".join(map(repr, parameters))
        values = f"({values})" if parameters else ""
        [explained] = await driver.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page{values}")
        await driver.execute("DEALLOCATE page")
        more_read, more_filtered = rows_read(explained["Plan"])
        read, filtered = read + more_read, filtered + more_filtered
        milliseconds += explained["Execution Time"]
    assert len(page.items) == LIMIT or page.next is None or page.previous is None
    return read, filtered, milliseconds


def rows_read(node: dict[str, Any]) -> tuple[float, float]:
    read = filtered = 0.0
    if "Relation Name" in node:
        filtered = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
        read = node["Actual Rows"] * node["Actual Loops"] + filtered
    for part in node.get("Plans", []):
        more_read, more_filtered = rows_read(part)
        read, filtered = read + more_read, filtered + more_filtered
    return read, filtered
