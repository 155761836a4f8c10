"""The application of the proofs. Each process of uvicorn imports it."""

import os

from shop.db import DatabaseSettings
from shop.models import Key, Post
from tests.proofs.fastapi.application import LateWork, Reads, Work, application

app = application(DatabaseSettings(_env_file=None))


@app.post("/rows/{author}/{title}", status_code=201)
async def add_row(uow: Work, author: Key, title: str) -> int:
    """Add a post, and return the id of this process."""
    await uow.posts.add(Post(author_id=author, title=title, body=""))
    return os.getpid()


@app.post("/late-rows/{author}/{title}", status_code=201)
async def add_row_late(uow: LateWork, author: Key, title: str) -> int:
    """Add a post as most tutorials do: the transaction ends after the response."""
    return await add_row(uow, author, title)


@app.get("/rows/{title}")
async def count_rows(reads: Reads, title: str) -> tuple[int, int]:
    """Return the id of this process, and the number of posts with a title."""
    return os.getpid(), await reads.posts.count(Post.title == title)
