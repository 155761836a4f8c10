"""The contents of requests and responses.

Responses are read from the attributes of entities. If the route has not loaded an attribute, reading
it is an error, and never a query.
"""

import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from ..db.fastapi import PageParameters
from ..models import Key

# PostgreSQL cannot store the character U+0000.
Text = Annotated[str, Field(max_length=100_000, pattern=r"^[^\x00]*$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
# Readers of the document do not agree whether `\s` has the control character U+0085, so the pattern names it.
Email = Annotated[
    str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$")
]
Username = Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9_]+$")]
Password = Annotated[str, Field(min_length=12, max_length=200)]
Credits = Annotated[int, Field(gt=0, le=1_000_000_000)]
Sort = Annotated[str, Field(max_length=100)]


def check_date(given: object) -> object:
    """Refuse a number. Pydantic would read it as seconds since 1970, which the document does not say."""
    if not isinstance(given, str) or "-" not in given[1:]:
        raise ValueError("the value is not a date with a time")
    return given


Instant = Annotated[AwareDatetime, BeforeValidator(check_date)]


def absent() -> str:
    """Return a placeholder for a field that was not sent. `exclude_unset` leaves the field out."""
    return ""


LINKS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": "the URLs of the next and the previous page, as in RFC 8288",
                "schema": {"type": "string"},
            }
        }
    }
}
"""The `responses=` of a list. It describes what `set_page_links` sends."""


class FromEntity(BaseModel):
    """A response that is read from the attributes of an entity."""

    model_config = ConfigDict(from_attributes=True)


class NewUser(BaseModel):
    email: Email
    username: Username
    password: Password


class UserChange(BaseModel):
    """A field that is not sent stays as it is. A null deletes the value."""

    bio: Text | None = None


class PublicUser(FromEntity):
    id: Key
    username: str
    bio: str | None
    created_at: datetime.datetime


class Account(PublicUser):
    """The account of a user, with the fields that only this user may see."""

    email: str
    credits: int


class Token(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the name in RFC 6749
    expires_in: int


class NewPost(BaseModel):
    title: Title
    body: Text
    published: StrictBool = False
    publish_at: Instant | None = None


class PostChange(BaseModel):
    """A field that is not sent stays as it is. A null deletes the value."""

    title: Title = Field(default_factory=absent)
    body: Text = Field(default_factory=absent)
    publish_at: Instant | None = None


class UserParameters(PageParameters, extra="forbid"):
    """The parameters of the list of users. A parameter with another name is refused."""

    sort: Sort = "username"


class PostParameters(PageParameters, extra="forbid"):
    """The parameters of the list of posts. The names of filters are `field.operator`, as in `AllowedFields`.

    A parameter with another name is refused. Otherwise a client would take the whole list for the
    result of its filter.
    """

    sort: Sort = "-created"
    author: Key | None = None
    created_from: Instant | None = Field(default=None, alias="created.ge")
    created_before: Instant | None = Field(default=None, alias="created.lt")

    def filters(self) -> dict[str, object]:
        """Return the filters that the client sent, by their names."""
        others = {"limit", "cursor", "sort"}
        return self.model_dump(by_alias=True, exclude_none=True, exclude=others)


class SearchParameters(BaseModel, extra="forbid"):
    words: Annotated[str, Field(min_length=1, max_length=500)]


class Author(FromEntity):
    id: Key
    username: str


class FoundPost(FromEntity):
    id: Key
    title: str
    created_at: datetime.datetime


class OwnPost(FoundPost):
    body: str
    author_id: Key
    published: bool
    publish_at: datetime.datetime | None
    updated_at: datetime.datetime


class ListedPost(FoundPost):
    author: Author


class NewComment(BaseModel):
    text: Title


class AddedComment(FromEntity):
    id: Key
    text: str
    created_at: datetime.datetime


class CommentOfPost(AddedComment):
    author: Author


class FullPost(OwnPost):
    author: Author
    comments: list[CommentOfPost]


class NewTransfer(BaseModel):
    recipient: Key
    amount: Credits


class Transfer(BaseModel):
    recipient: Key
    amount: int
    credits: int
    """The credits of the sender after the transfer."""


class RejectedLine(BaseModel):
    line: int
    reason: str


class ImportReport(BaseModel):
    imported: int
    rejected: list[RejectedLine]
    """The first 100 rejected lines, at most."""

    rejected_in_all: int
