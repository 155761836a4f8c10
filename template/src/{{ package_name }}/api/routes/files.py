"""Many posts in one request: an export as a stream, and an import of a file.

Both take long. So they do not use the transaction of the request, which would stay open until the end.

The export has a connection of the pool until the client has read everything. If a client pauses for
`DATABASE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT`, which is 60 s, the export breaks off. Until then, ten slow
clients can have all connections of a process.
"""

import csv
from collections.abc import AsyncIterator
from io import StringIO
from itertools import starmap

from fastapi import APIRouter, HTTPException, UploadFile
from fastapi.responses import StreamingResponse

from ...db.fastapi import problem_responses
from ...entrypoints.import_posts import SURPLUS, Line, import_posts
from ...models import Key, Post
from ...unit_of_work import Database
from ..dependencies import Opened
from ..schemas import ImportReport, OwnPost, RejectedLine
from ..security import TokenUser, get_active_user

router = APIRouter(prefix="/files", tags=["files"])

_SHOWN = 100  # the rejected lines in a report, at most


@router.get(
    "/posts",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}, **problem_responses(401)},
)
async def export_posts(database: Opened, key: TokenUser) -> StreamingResponse:
    """Send all posts of the user who is logged in, with one JSON object in each line."""
    async with database.unit_of_work(read_only=True) as reads:
        user = await get_active_user(reads, key)
    return StreamingResponse(lines_of(database, user.id), media_type="application/x-ndjson")


async def lines_of(database: Database, author: Key) -> AsyncIterator[str]:
    # The stream begins after the route has ended, so it opens its own transaction.
    async with (
        database.unit_of_work(read_only=True) as reads,
        reads.posts.stream(Post.author_id == author, order_by=[Post.id]) as partitions,
    ):
        async for posts in partitions:
            yield "".join(f"{OwnPost.model_validate(each).model_dump_json()}\n" for each in posts)


@router.post("/posts", status_code=201, responses=problem_responses(400, 401))
async def upload_posts(database: Opened, key: TokenUser, file: UploadFile) -> ImportReport:
    """Import posts from a CSV file with the columns `title`, `body` and `published`.

    The valid lines are committed in batches. The report has the rejected lines and the reasons. After a
    500 or 503, some batches may be committed. So look at your posts before you send the file again.
    """
    async with database.unit_of_work(read_only=True) as reads:
        user = await get_active_user(reads, key)
    try:
        content = StringIO((await file.read()).decode("utf-8-sig"), newline="")
        rows = csv.DictReader(content, restkey=SURPLUS)
        given = [{**row, "author": user.username} for row in rows]
    except (UnicodeError, csv.Error) as error:
        raise HTTPException(422, "the file is not CSV in UTF-8") from error
    if missing := [name for name in ("title", "body") if name not in (rows.fieldnames or ())]:
        raise HTTPException(422, f"the first line of the file lacks columns: {', '.join(missing)}")
    rejected: list[RejectedLine] = []

    def report(line: Line, reason: str) -> None:
        rejected.append(RejectedLine(line=line.number, reason=reason))

    lines = starmap(Line, enumerate(given, start=1))
    imported = sum([batch.posts async for batch in import_posts(database, lines, report)])
    return ImportReport(
        imported=imported, rejected=rejected[:_SHOWN], rejected_in_all=len(rejected)
    )
