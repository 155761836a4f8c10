"""An existing database is adopted exactly as docs/migrations.md says."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, a_server, commit, edit, just, run
from tests.snippets import snippet

pytestmark = pytest.mark.slow

RUN = [
    snippet("docs/migrations.md", words)
    for words in (
        "sqlacodegen",
        "alembic check",
        "what the tables need",
        "what is there",
        "stamp head",
    )
]

# The draft of the models lacks each of these objects, or has it in another form.
EXISTING = """
CREATE TYPE mood AS ENUM ('calm', 'loud');
CREATE DOMAIN grams AS integer CHECK (VALUE > 0);
CREATE SEQUENCE visit_no;
CREATE TABLE clinics (no integer PRIMARY KEY, title varchar(40) NOT NULL, opened timestamp);
CREATE TABLE animals (id serial PRIMARY KEY, nick text UNIQUE, clinic integer REFERENCES clinics,
    mood mood DEFAULT 'calm', uuid uuid NOT NULL DEFAULT gen_random_uuid(), weight grams,
    CONSTRAINT nick_is_short CHECK (length(nick) < 9));
CREATE INDEX animals_by_nick ON animals (lower(nick));
CREATE TABLE parents (child integer REFERENCES animals, parent integer REFERENCES animals,
    PRIMARY KEY (child, parent));
CREATE TABLE visits (no bigint DEFAULT nextval('visit_no'), at timestamptz, animal integer NOT NULL,
    PRIMARY KEY (no, at)) PARTITION BY RANGE (at);
CREATE TABLE visits_early PARTITION OF visits FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE visits_late PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE FUNCTION whisper() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN new.nick := lower(new.nick); RETURN new; END';
CREATE TRIGGER quiet BEFORE INSERT ON animals FOR EACH ROW EXECUTE FUNCTION whisper();
CREATE VIEW loud AS SELECT nick FROM animals WHERE mood = 'loud';
INSERT INTO clinics VALUES (7, 'North', now());
INSERT INTO animals (nick, clinic) SELECT 'N' || n, 7 FROM generate_series(1, 2000) n;
INSERT INTO visits (at, animal) VALUES ('2025-06-01', 1), ('2026-06-01', 1);
"""
BEFORE = r"CREATE (?:DOMAIN|SEQUENCE)"
AFTER = r"CREATE (?:TABLE visits_|FUNCTION|TRIGGER|VIEW)"

CONTENTS = """
SELECT concat_ws(' ', relkind, relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname !~ 'alembic'
UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conname !~ 'alembic'
UNION ALL SELECT concat_ws(' ', 'type', typname) FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e')
UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull,
    pg_get_expr(adbin, adrelid)) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0
    AND NOT attisdropped AND relnamespace = 'public'::regnamespace AND relname !~ 'alembic'
UNION ALL SELECT concat_ws(' ', 'function', proname) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT concat_ws(' ', 'trigger', tgname) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
"""


@pytest.fixture
def project(render: Render, tmp_path: Path) -> Path:
    return render(tmp_path / "shop", example=False)


@pytest.fixture
def server(project: Path) -> Iterator[str]:
    """The URL of a server for this test, without the name of a database."""
    with a_server(project) as url:
        yield url


def test_an_existing_database_is_adopted_as_the_document_says(project: Path, server: str) -> None:
    existing, empty = f"{server}/existing", f"{server}/empty"
    (project / "existing.sql").write_text(EXISTING)
    for name in ("existing", "empty"):
        psql(project, f"{server}/postgres", f"CREATE DATABASE {name}")
    just(project, "psql", "--quiet", "--file", "existing.sql", DATABASE_URL=existing)
    adopt = follower(project, existing, empty)

    adopt("sqlacodegen")
    correct_the_models(project)
    just(project, "fix")
    adopt("alembic check")
    adopt("what the tables need")
    write_what_the_tables_need(project)
    adopt("what is there")
    complete_the_revision(project)
    just(project, "fix")
    adopt("stamp head")
    assert contents(project, empty) == contents(project, existing)
    commit(project, "Adopt")
    assert re.search(r"\d+ passed", just(project, "check", DATABASE_URL=existing, **NO_DOCKER))

    edit(
        project / "src/shop/models/existing.py",
        "    title: ",
        '    kind: Mapped[str] = mapped_column(default="vet")\n    title: ',
    )
    before = contents(project, existing)
    just(project, "revision", "add a kind", DATABASE_URL=existing)
    just(project, "migrate", DATABASE_URL=existing)
    assert psql(project, existing, "SELECT kind FROM clinics").split() == ["vet"]
    for _ in range(2):
        just(project, "rollback", DATABASE_URL=existing)
    assert contents(project, existing) == before
    just(project, "migrate", DATABASE_URL=existing)
    run(["uv", "run", "--quiet", "alembic", "downgrade", "base"], project, DATABASE_URL=existing)
    assert contents(project, existing) == []


def follower(project: Path, existing: str, empty: str) -> Callable[[str], str]:
    """Return a function that runs the block of the recipe with given words."""

    def follow(words: str) -> str:
        [block] = [each for each in RUN if words in each.code]
        script = block.code.replace("export DATABASE_URL=…", f"export DATABASE_URL={existing}")
        script = script.replace("DATABASE_URL=…", f"DATABASE_URL={empty}")
        return run(["sh", "-ec", script], project, DATABASE_URL=existing)

    return follow


def correct_the_models(project: Path) -> None:
    """Make the corrections that the recipe asks for."""
    models = project / "src/shop/models"
    path = models / "existing.py"
    for name in ("Early", "Late"):
        replace(path, rf"class Visits{name}\(Base\):.*?(?=^class )", "")
    partitioned = ' {"postgresql_partition_by": "RANGE (at)"})'
    replace(path, r'(?<=conv\("visits_pkey"\)\),)\)', partitioned)
    default = "primary_key=True, server_default=text(\"nextval('visit_no'::regclass)\")"
    replace(path, r"Sequence\(.visit_no.\),\s*primary_key=True,\s*autoincrement=True", default)
    replace(path, r"(?<=Index\(conv\(.animals_by_nick.\))", ', text("lower(nick)")')
    waived = '\\1, info={"waiver": "not indexed: it was so"}'
    for key in ("animals_clinic_fkey", "parents_parent_fkey"):
        replace(path, rf"(name=conv\(.{key}.\))", waived)
    names = re.findall(
        r"^(?:class (?=\w+\(Base\)))?(\w+)(?:\(Base\):|: Table =)", path.read_text(), re.M
    )
    replace(
        models / "__init__.py", r"(?=^__all__)", f"from .existing import {', '.join(names)}\n\n"
    )
    replace(models / "__init__.py", r"(?=^\])", "".join(f'    "{name}",\n' for name in names))


def write_what_the_tables_need(project: Path) -> None:
    """Create the objects that the tables need, and drop them in the downgrade."""
    [path] = (project / "migrations/versions").glob("*.py")
    dropped = ("DROP SEQUENCE visit_no", "DROP DOMAIN grams")
    for function, statements in {"upgrade": found(BEFORE), "downgrade": dropped}.items():
        replace(path, rf"(?<=def {function}\(\) -> None:\n)    pass\n", executed(statements))


def complete_the_revision(project: Path) -> None:
    """Add the objects that the models do not describe, and drop them in the downgrade."""
    [path] = (project / "migrations/versions").glob("*_what_is_there.py")
    replace(path, r"(def upgrade.*?\n)(?=    # ### end)", rf"\1{executed(found(AFTER))}")
    first = executed(["DROP VIEW loud"])
    last = executed(["DROP FUNCTION whisper()"])
    replace(path, r"(def downgrade.*?\n)(    op.*?)(?=    # ### end)", rf"\1{first}\2{last}")


def found(words: str) -> list[str]:
    """Return the statements of the existing database that begin with these words."""
    statements = EXISTING.partition("INSERT INTO")[0].strip().rstrip(";")
    return [each for each in re.split(r";\n(?=CREATE)", statements) if re.match(words, each)]


def executed(statements: Iterable[str]) -> str:
    return "".join(f'    op.execute("""{each}""")\n' for each in statements)


def replace(path: Path, pattern: str, new: str) -> None:
    """Replace a pattern that must occur once in a file."""
    text, count = re.subn(pattern, new, path.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert count == 1, (pattern, count)
    path.write_text(text)


def psql(project: Path, url: str, query: str) -> str:
    options = ("--tuples-only", "--no-align", "--command", query)
    return just(project, "psql", *options, DATABASE_URL=url)


def contents(project: Path, url: str) -> list[str]:
    """Return the objects and rows of a database, in any order."""
    return psql(project, url, CONTENTS).splitlines()
