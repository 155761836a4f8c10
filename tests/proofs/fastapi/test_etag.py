"""Optimistic locking over HTTP: if two clients have read the same version, one of them is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped

from shop import db
from shop.db.fastapi import IfMatch, check_if_match, install, set_etag, unit_of_work_dependency
from shop.db.mixins import Versioned, bigint
from shop.models import User
from shop.unit_of_work import Database
from tests.db.fastapi.fixtures import client_of


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)


class Form(bigint.PrimaryKey, Versioned, Base):
    __tablename__ = "proof_forms"

    text: Mapped[str]


router = APIRouter()
Work = Annotated[db.UnitOfWork, Depends(unit_of_work_dependency(), scope="function")]


@router.get("/forms/{key}")
async def read(reads: Work, key: int, response: Response) -> str:
    form = await reads.session.get_one(Form, key)
    set_etag(response, form)
    return form.text


@router.put("/forms/{key}")
async def write(
    uow: Work, key: int, text: str, response: Response, if_match: IfMatch = None
) -> None:
    form = await uow.session.get_one(Form, key)
    check_if_match(form, if_match)
    form.text = text
    await uow.session.flush()
    set_etag(response, form)


@pytest.fixture
async def forms(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app, Base.metadata)
    app.include_router(router)
    app.state.database = database
    async with database.unit_of_work() as uow:
        await (await uow.session.connection()).run_sync(Base.metadata.create_all)
        uow.session.add(Form(id=1, text="a"))
    async with client_of(app) as client:
        yield client


async def put(forms: httpx.AsyncClient, text: str, *if_match: str) -> httpx.Response:
    return await forms.put(f"/forms/1?text={text}", headers=[("If-Match", e) for e in if_match])


async def test_the_version_that_was_read_is_accepted_once(forms: httpx.AsyncClient) -> None:
    etag = (await forms.get("/forms/1")).headers["ETag"]

    first, second = await put(forms, "b", etag), await put(forms, "c", etag)

    assert (first.status_code, second.status_code) == (200, 412)
    read = await forms.get("/forms/1")
    assert (read.json(), read.headers["ETag"]) == ("b", first.headers["ETag"])


@pytest.mark.parametrize(
    ("if_match", "status"),
    [("*", 200), ('"7", "1"', 200), ('"7"', 412), ('W/"1"', 412), ("1", 412), ("", 412)],
)
async def test_the_header_is_read_as_http_says(
    forms: httpx.AsyncClient, if_match: str, status: int
) -> None:
    assert (await put(forms, "b", if_match)).status_code == status


async def test_a_client_without_the_header_is_not_checked(forms: httpx.AsyncClient) -> None:
    assert (await put(forms, "b")).status_code == 200


async def test_one_of_twenty_clients_with_the_same_version_wins(forms: httpx.AsyncClient) -> None:
    etag = (await forms.get("/forms/1")).headers["ETag"]

    answers = await asyncio.gather(*(put(forms, str(n), etag) for n in range(20)))

    assert sorted(each.status_code for each in answers) == [200] + [412] * 19


def test_a_model_without_a_version_raises_a_type_error() -> None:
    with pytest.raises(TypeError, match="User has no version"):
        set_etag(Response(), User())
