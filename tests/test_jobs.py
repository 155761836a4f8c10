"""Follow docs/jobs.md exactly, and kill the processes of the resulting project."""

import shutil
from pathlib import Path
from textwrap import indent

import pytest

from tests.helpers import NO_DOCKER, ROOT, Record, Render, commit, edit, on_a_server, run
from tests.snippets import files, snippets
from tests.test_proofs import record

pytestmark = pytest.mark.slow

FILES = files("docs/jobs.md")
SHOWN = TABLES, REVISION, ENVIRONMENT, ENQUEUE, START = [
    each for each in snippets("docs/jobs.md") if each not in FILES.values()
]
RUN = [*FILES.values(), *SHOWN]
IMPORTS = """
from shop.jobs import Welcome, enqueue
from shop.services.users import register
from shop.unit_of_work import Database
from sqlalchemy import text
"""


@pytest.fixture(scope="module")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that follows the document. The revision is not committed yet."""
    project = render(tmp_path_factory.mktemp("jobs") / "shop")
    commit(project, "Render")
    run(["sh", "-e", "-c", TABLES.code], project)
    [revision] = (project / "migrations/versions").glob("*_add_the_tables_of_jobs.py")
    head, _, _ = revision.read_text().partition("\n\n\ndef upgrade")
    imports = "import re\nfrom pathlib import Path\n\nfrom alembic import op\n"
    head = head.replace("import sqlalchemy as sa\nfrom alembic import op\n", imports)
    revision.write_text(f"{head}\n\n{REVISION.code}")
    edit(project / "migrations/env.py", "run_migrations(Base.metadata)\n", ENVIRONMENT.code)
    for name, file in FILES.items():
        (project / name).write_text(file.code)
    return project


def test_the_recipe_fits_the_checks_of_the_project(project: Path) -> None:
    body = indent(ENQUEUE.code, "    ")
    test = project / "tests/integration/test_jobs.py"
    test.write_text(
        f"{IMPORTS}\n\nasync def test_a_job_is_enqueued(database: Database) -> None:\n{body}"
        "    async with database.unit_of_work() as uow:\n"
        '        query = text("SELECT count(*) FROM pgqueuer")\n'
        "        assert await uow.session.scalar(query) == 1\n"
    )
    run(["uv", "run", "ruff", "check", "--fix", "--quiet", str(test)], project)  # sort the imports

    run(["uv", "run", "just", "lint", "types", "imports", "revisions"], project)
    # The first file also compares the tables of all revisions with those of the models.
    tests = ["tests/db/test_migrations.py", str(test)]
    run(["uv", "run", "pytest", "-q", *tests], project, **NO_DOCKER)


# What an administrator needs.
COMMANDS = """
uv run alembic check
uv run pgq --pg-dsn "$DATABASE_URL" upgrade --plan
uv run pgq --pg-dsn "$DATABASE_URL" failed
"""


def test_the_tables_are_those_of_the_library_and_not_of_the_models(project: Path) -> None:
    output = on_a_server(project, COMMANDS)

    assert "No new upgrade operations detected." in output
    assert "already up to date" in output
    assert "No failed jobs." in output


def test_the_worker_of_the_document_goes_on_and_no_job_is_lost_if_a_process_is_killed(
    project: Path, record_property: Record
) -> None:
    assert "\nuv run python -m shop.entrypoints.jobs\n" in START.code  # a proof starts this module
    for name in ("__init__.py", "jobs", "support"):
        source, copy = ROOT / "tests/proofs" / name, project / "tests/proofs" / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy, ignore=ignored)
        else:
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(source, copy)
    command = ["uv", "run", "pytest", "-n", "2", "--junitxml=report.xml", "tests/proofs/jobs"]
    options = ["--override-ini=junit_family=xunit1"]
    output = run([*command, *options], project, **NO_DOCKER)

    record_property("proofs of jobs", record(project, output, record_property))
