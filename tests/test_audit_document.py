"""Follow docs/audit.md exactly: switch the log on in a project, and read it."""

import re
from pathlib import Path

import pytest

from tests.helpers import Render, edit, on_a_server
from tests.snippets import snippet

pytestmark = pytest.mark.slow

LOG, AUDITED, ACTOR = RUN = [
    snippet("docs/audit.md", words)
    for words in ("class AuditEntry", "__audit_exclude__", "get_actor")
]
STEPS = """
uv run just revision "log the changes of users"
uv run just migrate
uv run python change.py
"""
PROGRAM = """
import asyncio

import httpx
from sqlalchemy import select

from shop.api.app import create_app
from shop.api.security import create_token, token_settings
from shop.db.audit import Actor
from shop.models import AuditEntry, User
from shop.settings import Settings
from shop.unit_of_work import Database


async def main() -> None:
    async with Database(Settings().database) as database:
        async with database.unit_of_work(info=Actor("ada")) as uow:
            a = User(email="a@example.com", username="a", password_hash="hunter2")
            await uow.users.add(a)
        app = create_app()
        app.state.database = database
        token = create_token(a, token_settings())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Authorization": f"Bearer {token}"}
            answer = await client.patch("/users/me", json={"bio": "new"}, headers=headers)
            print("actor", answer.raise_for_status().json()["id"])
        async with database.unit_of_work() as uow:
            for entry in await uow.session.scalars(select(AuditEntry)):
                print("logged", entry.actor, entry.new)


asyncio.run(main())
"""


def test_the_log_is_switched_on_as_the_document_says(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop", audit="triggers")
    package = project / "src/shop"
    (package / "models/audit.py").write_text(f'"""The log."""\n\n{LOG.code}')
    models = package / "models/__init__.py"
    edit(models, "from .base", "from .audit import AuditEntry\nfrom .base")
    module, *model = [line for line in AUDITED.code.splitlines() if line]
    user = package / "models/user.py"
    edit(user, "\nfrom ..db.mixins", f"\n{module}\nfrom ..db.mixins")
    edit(user, "class User(PrimaryKey, Timestamps, Base):", model[0])
    edit(user, '    __tablename__ = "users"\n', "\n".join([*model[1:], ""]))
    unit_of_work = package / "unit_of_work.py"
    edit(unit_of_work, "from . import db\n", "from . import db\nfrom .db.audit import actor_hook\n")
    classes = "settings, UnitOfWork, ReadUnitOfWork"
    edit(unit_of_work, f"{classes})", f"{classes}, begin_hooks=(actor_hook,))")
    web = {name: package / f"api/{name}.py" for name in ("dependencies", "security")}
    edit(web["dependencies"], "get_database, unit_of_work_dependency", "get_database")
    edit(web["dependencies"], "open_unit_of_work = unit_of_work_dependency()\n\n", "")
    ours = "from ..unit_of_work import Database, ReadUnitOfWork, UnitOfWork\n"
    edit(web["dependencies"], ours, f"{ours}from .security import open_unit_of_work\n")
    edit(web["security"], "from .dependencies import open_unit_of_work\n", "")
    theirs = "from ..db.audit import Actor\nfrom ..db.fastapi import WebSettings, unit_of_work_dependency"
    edit(web["security"], "from ..db.fastapi import WebSettings", theirs)
    below = 'The user may be deleted or inactive."""\n'
    edit(web["security"], below, f"{below}\n\n{ACTOR.code}")
    (project / "change.py").write_text(PROGRAM)

    output = on_a_server(project, STEPS)

    assert re.search(r"^logged ada \{.*'username': 'a'", output, re.MULTILINE)
    [user] = re.findall(r"^actor (.*)$", output, re.MULTILINE)
    assert re.search(rf"^logged {user} \{{.*'bio': 'new'", output, re.MULTILINE)
    assert "hunter2" not in output
