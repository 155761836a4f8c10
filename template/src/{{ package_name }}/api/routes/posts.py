"""Posts and their comments."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import joinedload

from ...db import AllowedFields, Page
from ...db.errors import NotFound
from ...db.fastapi import PageOf, RetriedRoute, problem_responses, set_page_links
from ...models import Comment, Key, Post
from ...services.posts import publish, write
from ...unit_of_work import UnitOfWork
from ..dependencies import Reads, Work
from ..schemas import (
    LINKS,
    AddedComment,
    FoundPost,
    FullPost,
    ListedPost,
    NewComment,
    NewPost,
    OwnPost,
    PostChange,
    PostParameters,
    SearchParameters,
)
from ..security import CurrentUser, TokenUser

router = APIRouter(prefix="/posts", tags=["posts"], route_class=RetriedRoute)

FIELDS = AllowedFields({"title": Post.title, "created": Post.created_at, "author": Post.author_id})


@router.get("", response_model=PageOf[ListedPost], responses=LINKS)
async def list_posts(
    reads: Reads,
    given: Annotated[PostParameters, Query()],
    request: Request,
    response: Response,
) -> Page[Post]:
    """List the published posts. `sort` may have the fields `title`, `created` and `author`."""
    page = await reads.posts.paginate(
        Post.published.is_(True),
        *FIELDS.criteria(given.filters()),
        order_by=FIELDS.order_by(given.sort),
        limit=given.limit,
        cursor=given.cursor,
        options=[joinedload(Post.author)],
    )
    set_page_links(request, response, page)
    return page


@router.get("/search", response_model=list[FoundPost])
async def search_posts(reads: Reads, given: Annotated[SearchParameters, Query()]) -> object:
    """Find published posts that have all of the words, in upper or lower case."""
    return await reads.posts.search(given.words)


@router.post("", status_code=201, response_model=OwnPost, responses=problem_responses(401))
async def write_post(uow: Work, user: CurrentUser, given: NewPost) -> Post:
    """Write a post."""
    return await write(uow, author=user, **given.model_dump())


@router.get(
    "/{post}",
    response_model=FullPost,
    responses=problem_responses(401, 404),
    openapi_extra={"security": [{}]},  # a request may have no token
)
async def read_post(reads: Reads, post: Key, reader: TokenUser) -> Post:
    """Read a post with its comments. Only the author can read a draft."""
    found = await reads.posts.with_comments(post)
    if not found.published and (found.author_id != reader or not found.author.active):
        raise NotFound("there is no such post")
    return found


@router.patch("/{post}", response_model=OwnPost, responses=problem_responses(401, 404))
async def change_post(uow: Work, user: CurrentUser, post: Key, given: PostChange) -> Post:
    """Change a post. Only its author can do this."""
    own = await lock_own_post(uow, user.id, post)
    return await uow.posts.update(own, **given.model_dump(exclude_unset=True))


@router.post("/{post}/publish", response_model=OwnPost, responses=problem_responses(401, 404))
async def publish_post(uow: Work, user: CurrentUser, post: Key) -> Post:
    """Publish a draft. Only its author can do this."""
    await lock_own_post(uow, user.id, post)
    return await publish(uow, post)


@router.delete("/{post}", status_code=204, responses=problem_responses(401, 404))
async def delete_post(uow: Work, user: CurrentUser, post: Key) -> None:
    """Delete a post with its comments. Only its author can do this."""
    await uow.posts.delete(await lock_own_post(uow, user.id, post))


@router.post(
    "/{post}/comments",
    status_code=201,
    response_model=AddedComment,
    responses=problem_responses(401, 404),
)
async def add_comment(uow: Work, user: CurrentUser, post: Key, given: NewComment) -> Comment:
    """Comment on a published post."""
    # With this lock, nobody can delete the post until the transaction ends. Others can comment.
    commented = await uow.posts.get_one(post, with_for_update={"read": True, "key_share": True})
    if not commented.published:
        raise NotFound("there is no such post")
    return await uow.comments.add(Comment(post_id=post, author_id=user.id, text=given.text))


async def lock_own_post(uow: UnitOfWork, user: Key, post: Key) -> Post:
    """Lock a post of a user, and return it.

    Raises:
        NotFound: there is no such post, or another user wrote it.
    """
    own = await uow.posts.get_one(post, with_for_update=True)
    if own.author_id != user:
        raise NotFound("there is no such post")
    return own
