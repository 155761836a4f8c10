"""An updated project passes its own checks, on a database that the old version migrated."""

from pathlib import Path

import pytest

from tests.compatibility import ANSWERS
from tests.helpers import Record, commit, on_a_server
from tests.lives import live
from tests.proofs.support.sampling import sampled
from tests.released import PRESENT, repository
from tests.test_release_updates import CASES, render
from tests.update_table import kept

AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "Ada", "EMAIL": "ada@example.com"}.items()
}
# A revision drops a table only if somebody names it. `just remove-example` prints these names.
TABLES = "comments idempotency_keys posts users"
UPDATE = """
uv add --quiet 'anyio>=4'
uv run just revision "add invoices" {tables}
uv run just migrate
git add --all
git commit --quiet --message Live
copier update --skip-answered --defaults --answers-file .copier-answers.yml --vcs-ref {version}
uv run just updated || true # notes may ask for work
git add --all
git diff --cached --quiet || git commit --quiet --message Update
uv run just migrate
uv run alembic check
uv run just fix check
"""


@pytest.mark.slow
@pytest.mark.proof
def test_a_project_passes_its_own_checks_after_an_update_on_a_migrated_database(
    tmp_path: Path, open_directory: Path, record_property: Record
) -> None:
    template = repository(tmp_path / "template")
    for version, name in sampled(CASES):
        directory = open_directory / f"{version} {name}"
        directory.mkdir()
        # uv would load a newer Python from the network, if the machine lacks it.
        answers = ANSWERS[name] | {"python_version": "3.11"}
        project = render(template, f"v{version}", directory / "shop", answers)
        commit(project, "Render")
        lived = live(project, without_example=name == "uuid4 with audit")

        gone = TABLES if "without the example" in lived else ""
        on_a_server(project, UPDATE.format(version=PRESENT, tables=gone), **AUTHOR)

        assert "anyio" in (project / "uv.lock").read_text()
        kept(record_property, version, name, [*lived, "its own checks and its database"])
