"""Follow "Add tenants to a living project" of docs/tenancy.md, while old and new code write rows."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest

from tests.helpers import NO_DOCKER, a_server, commit, edit, publish, render_project, run, snapshot
from tests.snippets import snippet
from tests.test_tenancy_document import IMPORTS

pytestmark = pytest.mark.slow

(
    DATABASE,
    REPOSITORIES,
    COLUMN,
    BACKFILLS,
    KEYS,
    UPDATE,
    TENANTED,
    BY_HAND,
    SWAP,
    POLICIES,
    GRANTS,
) = RUN = [
    snippet("docs/tenancy.md", words)
    for words in (
        "class Database(",
        "class ReadRepository(",
        "in release 3",
        "op.backfill",
        'Index(None, "id")',
        "copier update",
        "class Company",
        "alembic revision",
        "USING INDEX",
        "just revision",
        "ALTER ROLE",
    )
]
# It says of itself that no test runs it. This test needs the role of the program.
ROLES = snippet("docs/tenancy.md", "CREATE ROLE")
BEFORE = """
from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Key, PrimaryKey


class Company(PrimaryKey, Base):
    __tablename__ = "companies"

    domain: Mapped[str] = mapped_column(unique=True)


"""
MODELS = """
class User(PrimaryKey, Base):
    __tablename__ = "users"

    email: Mapped[str] = mapped_column(unique=True)


class Post(PrimaryKey, Base):
    __tablename__ = "posts"

    author_id: Mapped[Key] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    slug: Mapped[str] = mapped_column(unique=True)
"""
# For each company, the code of a release adds rows, changes one, and prints the posts that it sees.
CODE = """
import asyncio
import sys

from sqlalchemy import select, text

from shop.models import Company, Post, User
from shop.settings import Settings
from shop.unit_of_work import Database
{imports}

async def main() -> None:
    async with Database(Settings().database) as database:
        for domain in ("a.example", "b.example"):
            async with database.unit_of_work() as uow:
                company = select(Company.id).where(Company.domain == domain)
                tenant = (await uow.session.scalars(company)).one()
            async with database.unit_of_work({info}) as uow:
                uow.session.add(user := User(email=f"{{sys.argv[1]}}@{{domain}}"{tenant}))
                await uow.session.flush()
                uow.session.add(Post(author_id=user.id, slug=user.email{tenant}))
            async with database.unit_of_work({info}) as uow:
                own = select(Post).where(Post.author_id == user.id)
                (await uow.session.scalars(own)).one().slug += "!"
            async with database.unit_of_work({info}) as uow:
                print("seen", *await uow.session.scalars(text("SELECT slug FROM posts ORDER BY slug")))


asyncio.run(main())
"""
OLD = CODE.format(imports="", info="", tenant="")
WRITING = CODE.format(imports="", info="", tenant=", tenant_id=tenant")
NAMING = CODE.format(
    imports="from shop.db.tenancy import Tenant\n", info="info=Tenant(tenant)", tenant=""
)
WRITERS = ["ada", "bob", "cy", "dan", "eve", "hal", "ivy"]
OLD_KEYS = "SELECT conname FROM pg_constraint WHERE conname IN ('uq_users_email', 'uq_posts_slug')"


class Living:
    """A project whose database has rows, and the code of its releases."""

    def __init__(self, project: Path, server: str) -> None:
        self.project, self.superuser = project, f"{server}/shop"
        self.owner, self.program = self.as_role("shop"), self.as_role("shop_program")

    def as_role(self, name: str) -> str:
        return re.sub("//.*@", f"//{name}:secret@", self.superuser)

    def sh(self, script: str, url: str | None = None) -> str:
        """Run lines of a shell as the owner of the tables, or with another URL."""
        return run(
            ["sh", "-e", "-c", script], self.project, DATABASE_URL=url or self.owner, **NO_DOCKER
        )

    def sql(self, statements: str) -> str:
        """Run SQL in the database as a superuser."""
        (self.project.parent / "statements.sql").write_text(statements)
        options = "--quiet --tuples-only --set ON_ERROR_STOP=1 --file ../statements.sql"
        return self.sh(f"uv run --quiet just psql {options}", self.superuser)

    def edit_models(self, code: str) -> None:
        (self.project / "src/shop/models/blog.py").write_text(f'"""Models."""\n{code}')

    def revision(self, name: str) -> Path:
        [path] = (self.project / "migrations/versions").glob(f"*_{name}.py")
        return path

    def release(self, number: int, code: str) -> None:
        """Keep the code of a release, so that it still runs when the project has changed."""
        place = shutil.copytree(self.project / "src", self.project.parent / f"release {number}")
        (place / "work.py").write_text(code)

    def write(self, number: int, writer: str) -> list[list[str]]:
        """Let the code of a release write rows. Return the posts that it sees for each company."""
        place = self.project.parent / f"release {number}"
        output = run(
            ["uv", "run", "--quiet", "python", str(place / "work.py"), writer],
            self.project,
            DATABASE_URL=self.program if number == 3 else self.owner,
        )
        return [line.split()[1:] for line in output.splitlines() if line.startswith("seen")]


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Living]:
    publish(snapshot(tmp_path / "template"), "v1.0.0")
    answers = {"project_name": "shop", "example": False, "web_framework": "none"}
    project = render_project(tmp_path / "template", tmp_path / "shop", **answers)
    names = "from .blog import Company, Post, User"
    models = project / "src/shop/models/__init__.py"
    edit(models, "\n__all__ = [", f"{names}\n\n__all__ = [")
    edit(models, '    "Base",\n', '    "Base",\n    "Company",\n    "Post",\n    "User",\n')
    with a_server(project) as server:
        living = Living(project, server)
        for statement in (
            "CREATE ROLE shop LOGIN CREATEDB PASSWORD 'secret'",
            "CREATE DATABASE shop OWNER shop",
        ):
            living.sh(f'uv run --quiet just psql --command "{statement}"', f"{server}/postgres")
        yield living


def test_tenants_are_added_as_the_document_says(living: Living) -> None:
    living.edit_models(BEFORE + MODELS)
    living.sh('uv run just revision "the tables"\nuv run just migrate')
    domains = "(gen_random_uuid(), 'a.example'), (gen_random_uuid(), 'b.example')"
    living.sql(f"INSERT INTO companies (id, domain) VALUES {domains}")
    living.release(0, OLD)
    living.write(0, "ada")

    column = rf"    {COLUMN.code.strip()}\n    \1:"
    living.edit_models(BEFORE + re.sub("    (email|author_id):", column, MODELS))
    living.sh('uv run just revision "the tenants of rows"')
    fill_in(living.revision("the_tenants_of_rows_contract"))
    living.release(1, WRITING)
    living.sh("uv run just migrate expand")
    living.write(0, "bob")
    living.write(1, "cy")
    living.sql("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'zoe@c.example')")
    living.sh("! uv run just migrate")
    living.sql("INSERT INTO companies (id, domain) VALUES (gen_random_uuid(), 'c.example')")
    living.sh("uv run just migrate")

    living.edit_models(BEFORE + KEYS.code)
    living.sh('uv run just revision "keys with the tenant"')
    living.release(2, WRITING)
    living.sh("uv run just migrate expand")
    living.write(1, "dan")
    living.write(2, "eve")
    living.sh("uv run just migrate")

    commit(living.project, "Release 2")
    living.sh(UPDATE.code.replace("uvx ", "").replace("--skip", "--defaults --skip"))
    switch_on(living.project / "src/shop")
    living.edit_models(IMPORTS.replace(", Timestamps", "") + TENANTED.code)
    living.sh(BY_HAND.code)
    by_hand = living.revision("primary_keys_with_the_tenant")
    by_hand.write_text(by_hand.read_text().partition("def upgrade")[0] + SWAP.code)
    living.sh(POLICIES.code)
    move_the_drops(living.revision("policies"), living.revision("policies_contract"))
    living.release(3, NAMING)
    roles = [line for line in ROLES.code.splitlines() if "CREATE" not in line or "_program" in line]
    living.sql("\n".join(roles).replace("…", "secret") + GRANTS.code)
    living.sh("uv run just migrate expand")
    living.write(3, "hal")
    assert len(living.write(2, "ivy")[1]) == 2 * len(WRITERS)
    assert len(living.sql(OLD_KEYS).split()) == 2
    living.sh("uv run just migrate")

    seen = living.write(3, "jo")
    for posts, domain in zip(seen, ("a.example", "b.example"), strict=True):
        assert posts == [f"{writer}@{domain}!" for writer in [*WRITERS, "jo"]]
    assert living.sql(OLD_KEYS).split() == []
    living.sh("uv run alembic check\nuv run just revisions")
    tests = "uv run pytest -q tests/db/tenancy tests/db/test_conventions.py"
    assert re.search(r"\d+ passed", living.sh(tests, ""))


def fill_in(revision: Path) -> None:
    """Replace the lines of a `contract` revision by those of the document."""
    kept, _, rest = revision.read_text().partition("    op.backfill")
    _, mark, rest = rest.partition("    # ###")
    revision.write_text(kept + indent(BACKFILLS.code, "    ") + mark + rest)


def switch_on(package: Path) -> None:
    """Write the lines of "Switch it on" into the project."""
    imports, _, code = DATABASE.code.partition("\n\n\n")
    path = package / "unit_of_work.py"
    kept, _, _ = path.read_text().partition("class Database(")
    path.write_text(kept.replace("from . import db\n", f"from . import db\n{imports}\n") + code)
    imports, _, code = REPOSITORIES.code.partition("\n\n\n")
    path = package / "repositories/base.py"
    kept, _, _ = path.read_text().partition("class ReadRepository(")
    path.write_text(kept.replace("from .. import db\n", f"{imports}\n") + code)


def move_the_drops(first: Path, second: Path) -> None:
    """Move the drops of the old unique keys from one revision into another one."""
    old, new = first.read_text(), second.read_text()
    operations = {
        "upgrade": "drop_constraint",
        "downgrade": "create_unique_constraint_concurrently",
    }
    for function, operation in operations.items():
        for statement in re.findall(rf"^    op\.{operation}\(.*?\)\n(?=    \S)", old, re.M | re.S):
            old = old.replace(statement, "")
            begin = f"def {function}() -> None:\n"
            new = new.replace(begin, begin + statement)
    first.write_text(old)
    second.write_text(new)
