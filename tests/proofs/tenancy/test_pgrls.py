"""pgrls, a linter of row-level security, judges the tables from outside."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from tests.proofs.support.own_migrations import plain

# The rules that are not asked, or that allow something, and the reasons.
SETTINGS = """
[lint]
# SEC003: the policies name no role, because they bind every role, and its name differs by environment.
disable = ["SEC003"]

[lint.rules.SEC001]
# The model says why countries are open to all tenants. The table of Alembic has no rows of tenants.
allowlist = ["public.countries", "public.alembic_version"]

# The function of the audit writes with the rights of its owner. Its own proofs say what it may do.
[lint.rules.SEC013]
allowlist = ["public.customers.audit"]

[lint.rules.SEC014]
allowlist = ["public.write_audit_log"]
"""


async def test_pgrls_finds_nothing(
    owner: AsyncConnection, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    (tmp_path / "pgrls.toml").write_text(SETTINGS)

    assert pgrls(owner, tmp_path, "lint", "--format", "json")["violations"] == []
    verdicts = [
        table["verdict"] for table in pgrls(owner, tmp_path, "verify", "--format", "json")["tables"]
    ]
    assert len(verdicts) == 3
    assert "LEAKING" not in str(verdicts).upper()
    record_property("the prover of pgrls says about three tables", ", ".join(verdicts))


def pgrls(
    owner: AsyncConnection, directory: Path, *arguments: str
) -> dict[str, list[dict[str, str]]]:
    """Run a command of pgrls, and return its answer."""
    url = plain(owner.engine.url)
    done = subprocess.run(
        ["pgrls", *arguments, "--database-url", url],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return answer
