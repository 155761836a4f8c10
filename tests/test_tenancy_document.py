"""Follow docs/tenancy.md in a project: add tables, migrate, and work for two tenants."""

import re
import socket
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, edit, just, on_a_server, run
from tests.snippets import snippet

pytestmark = pytest.mark.slow

MODELS, ORDER, WORK, SCOPE, FILTER, SYSTEM = RUN = [
    snippet("docs/tenancy.md", words)
    for words in (
        "class Country",
        "class Order",
        "unit_of_work(info=Tenant",
        "with tenant_scope",
        "addFilter",
        "system_database(",
    )
]
IMPORTS = """
from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.mixins import Timestamps
from ..db.tenancy import Tenanted, open_to_all_tenants, tenant_foreign_key
from .base import Base, Key, PrimaryKey


"""
PROGRAM = """
import asyncio
import dataclasses
import logging
import sys
import uuid

from sqlalchemy import func, select, text

from shop import db
from shop.db.tenancy import Tenant, TenantKey, system_database, tenant_attributes, tenant_scope
from shop.models import Order, Post, User
from shop.settings import Settings
from shop.unit_of_work import Database, UnitOfWork

handler = logging.StreamHandler(sys.stdout)
logging.basicConfig(handlers=[handler], format="%(message)s of %(tenant_id)s")


{filter}

class Posts(db.Repository[Post, TenantKey]):
    model = Post


@dataclasses.dataclass
class Job:
    tenant_id: uuid.UUID


async def run(_: Job) -> None:
    logging.warning("a job")
    async with database.unit_of_work() as uow:
        print("the tenant sees", await uow.session.scalar(text("SELECT count(*) FROM posts")))


{scope}

{system}

async def publish(user: User) -> None:
{work}


async def main() -> None:
    global database
    UnitOfWork.posts = property(lambda self: Posts(self.session))
    async with Database(Settings().database) as database:
        for tenant in (uuid.uuid4(), uuid.uuid4()):
            async with database.unit_of_work(info=Tenant(tenant)) as uow:
                uow.session.add(user := User())
                uow.session.add(order := Order(user=user))
                await uow.session.flush()
                assert order.user_id == user.id
                order.user = None
                await uow.session.flush()
                print("the order of", order.tenant_id, "has the user", order.user_id)
            await publish(user)
            await work(Job(tenant))
        await run(Job(tenant))
    await count_users()


asyncio.run(main())
"""
ASK = """
import asyncio
import os
import subprocess

from tools.sources import connect, parse_url


async def main() -> None:
    server = parse_url(os.environ["DATABASE_URL"], "DATABASE_URL")
    async with connect(server) as connection:
        await connection.exec_driver_sql("CREATE ROLE tester LOGIN CREATEDB PASSWORD 'tester'")
    url = server.set(username="tester", password="tester").render_as_string(hide_password=False)
    tests = ["python", "-m", "pytest", "-q", "tests/db/tenancy"]
    done = subprocess.run(tests, env=os.environ | {"TEST_DATABASE_URL": url}, check=False)
    assert done.returncode == 4, done.returncode


asyncio.run(main())
"""
STEPS = """
uv run just revision "add posts"
uv run just migrate
SYSTEM_DATABASE_URL=$DATABASE_URL uv run python -m tools.roles python work.py
uv run just revisions
"""


def test_tables_are_added_and_used_as_the_document_says(render: Render, tmp_path: Path) -> None:
    answers = {"multi_tenancy": "rls", "example": False, "web_framework": "none"}
    project = render(tmp_path / "shop", **answers)
    models = project / "src/shop/models"
    (models / "blog.py").write_text(f'"""Models."""\n{IMPORTS}{MODELS.code}\n\n{ORDER.code}')
    names = "from .blog import Country, Order, Post, User"
    edit(models / "__init__.py", "\n__all__ = [", f"{names}\n\n__all__ = [")
    edit(
        models / "__init__.py",
        '    "Base",\n',
        '    "Base",\n    "Country",\n    "Order",\n    "Post",\n    "User",\n',
    )
    indented = "".join(f"    {line}\n" for line in WORK.code.splitlines())
    program = PROGRAM.replace("{scope}", SCOPE.code).replace("{work}", indented)
    program = program.replace("{filter}", FILTER.code).replace("{system}", SYSTEM.code)
    (project / "work.py").write_text(program)

    output = on_a_server(project, STEPS)

    assert output.count("the tenant sees 1") == 2
    assert output.count("the tenant sees 0") == 1
    assert output.count("has 1 users") == 2
    assert output.count("has the user None") == 2
    assert len({*re.findall("a job of (.*)", output)}) == 3
    assert "a job of -" in output


def test_the_development_database_has_the_roles_of_the_document(
    render: Render, open_directory: Path
) -> None:
    project = render(open_directory / "shop", multi_tenancy="rls", example=False)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    example = project / ".env.example"
    example.write_text(example.read_text().replace("5432", port))
    asked = ["psql", "--no-align", "--tuples-only", "--command"]
    attributes = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname ~ '^shop'"
    rights = "SELECT has_table_privilege('alembic_version', 'INSERT, UPDATE, DELETE')"
    run(["uv", "sync", "--quiet"], project)
    try:
        assert "database shop" in just(project, "db", **NO_DOCKER)
        run(["uv", "run", "alembic", "revision", "--message", "nothing"], project)
        just(project, "migrate")
        assert "database shop" in just(project, "db", **NO_DOCKER)  # it also takes rights away

        roles = just(project, *asked, attributes).split()
        assert {*roles} == {"shop|f|t", "shop_program|f|f", "shop_system|f|t"}
        assert just(project, *asked, "SELECT current_user").split() == ["shop_program"]
        assert just(project, *asked, rights).split() == ["f"]
    finally:
        just(project, "db", "down", **NO_DOCKER)


def test_a_user_that_may_not_create_roles_is_told_so(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop", multi_tenancy="rls", example=False, web_framework="none")
    (project / "ask.py").write_text(ASK)

    output = on_a_server(project, "python ask.py")

    assert "the user of TEST_DATABASE_URL may not create roles: give it CREATEROLE" in output
    assert "Traceback" not in output
