"""The proofs of each module of `db/`, and the options of the command."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

AUTOGENERATE = ["migrations/scripts", "migrations/autogenerate"]
KINDS = ["migrations/comparison", "migrations/kinds"]
ORDER = ["migrations/trial", "migrations/order"]
CHECKED = ["migrations/gate", "migrations/gate_history"]
IN_BULK = [
    "repository/types",
    "repository/insert_rows",
    "repository/update_rows",
    "repository/upsert",
]

# By module: a few files of `tests/proofs/`, without `test_` and `.py`. The first files notice the most.
# A mutant runs them until one fails, so a slow file is the last one or is missing.
PROOFS = {
    "base": ["mixins/ddl", "repository/write"],
    "errors": ["engine/errors"],
    "settings": ["settings"],
    "unset": ["repository/read"],
    "engine/aborted_commit": ["unit_of_work/transactions", "engine/engine"],
    "engine/call_site": ["engine/query_log", "engine/pool"],
    "engine/create": ["engine/engine", "engine/engine_options", "engine/errors", "engine/pool"],
    "engine/overlap": ["engine/overlap", "unit_of_work/transactions"],
    "engine/pool": ["engine/pool", "engine/engine", "engine/engine_options"],
    "engine/query_log": ["engine/query_log"],
    "engine/translation": [
        "engine/errors",
        "repository/foreign_errors",
        "unit_of_work/transactions",
    ],
    "migrations/environment": ["migrations/environment", "migrations/schemas"],
    "migrations/phases": ["migrations/environment", "migrations/phases"],
    "migrations/runner": ["migrations/environment", "migrations/locks", "migrations/faults"],
    "migrations/settings": ["settings"],
    "migrations/authoring/comparison": KINDS,
    "migrations/authoring/constraints": ORDER,
    "migrations/authoring/defaults": AUTOGENERATE,
    "migrations/authoring/definitions": KINDS,
    "migrations/authoring/hooks": ["migrations/schemas", *AUTOGENERATE, "migrations/environment"],
    "migrations/authoring/planner": AUTOGENERATE,
    "migrations/authoring/plugins": AUTOGENERATE,
    "migrations/authoring/prerequisites": KINDS,
    "migrations/authoring/rendering": KINDS,
    "migrations/authoring/replacements": ORDER,
    "migrations/authoring/revisions": AUTOGENERATE,
    "migrations/authoring/statements": KINDS,
    "migrations/authoring/trial": ORDER,
    "migrations/authoring/types": KINDS,
    "migrations/gate/__main__": ["migrations/gate_history"],
    "migrations/gate/linter": CHECKED[::-1],
    "migrations/gate/main_branch": ["migrations/gate_history"],
    "migrations/gate/source": CHECKED,
    "migrations/gate/squawk": [*CHECKED, "migrations/gate_bypasses"],
    "migrations/gate/statements": [*CHECKED, "migrations/gate_bypasses"],
    "migrations/operations/backfill": ["migrations/backfill"],
    "migrations/operations/concurrently": [*AUTOGENERATE, "migrations/environment"],
    "migrations/operations/progress": ["migrations/backfill"],
    "migrations/operations/types": ["migrations/kinds"],
    "migrations/postgresql/__init__": ["migrations/environment"],
    "migrations/postgresql/activity": ["migrations/locks"],
    "migrations/postgresql/advisory_lock": ["migrations/environment", "migrations/faults"],
    "migrations/postgresql/batched_update": ["migrations/backfill"],
    "migrations/postgresql/catalogue": [*AUTOGENERATE, "migrations/faults"],
    "migrations/postgresql/online_ddl": [
        "migrations/environment",
        *AUTOGENERATE,
        "migrations/faults",
    ],
    "migrations/postgresql/session": ["migrations/environment", "migrations/what_counts"],
    "migrations/postgresql/table_rewrites": ["migrations/gate", *AUTOGENERATE],
    "mixins/inheritance": ["repository/inheritance", "mixins/timestamps"],
    "mixins/bigint": ["mixins/ddl", "repository/write"],
    "mixins/soft_delete": ["mixins/ddl", "repository/hidden"],
    "mixins/timestamps": ["mixins/ddl", "mixins/timestamps"],
    "mixins/uuid4": ["mixins/ddl", "repository/write"],
    "mixins/uuid7": ["mixins/ddl", "repository/write"],
    "mixins/versioned": ["mixins/ddl", "mixins/versioned"],
    "paging/cursor": ["paging/cursor", "paging/page"],
    "paging/filtering": ["paging/filtering", "paging/hostile_input"],
    "paging/order": ["paging/page", "paging/cursor", "paging/properties"],
    "paging/page": ["paging/page", "paging/cursor", "paging/properties", "paging/plans"],
    "paging/values": ["paging/types", "paging/cursor", "paging/hostile_input"],
    "postgresql/connect": ["engine/engine", "engine/errors", "unit_of_work/begin", "settings"],
    "postgresql/bulk_insert": ["repository/insert_rows", "repository/insert_rows_faults"],
    "postgresql/error_codes": ["engine/errors", "unit_of_work/retry", "repository/foreign_values"],
    "postgresql/indexes": ["mixins/ddl"],
    "postgresql/staging": ["repository/upsert", "repository/update_rows"],
    "postgresql/transaction": ["unit_of_work/begin", "unit_of_work/isolation_level"],
    "postgresql/types": ["mixins/ddl", "paging/cursor", "repository/write"],
    "postgresql/upsert": ["repository/upsert", "mixins/mixins_in_bulk"],
    "postgresql/url": ["settings"],
    "repository/batches": [*IN_BULK, "mixins/mixins_in_bulk", "repository/insert_rows_faults"],
    "repository/hidden": ["repository/hidden", "repository/hidden_writes"],
    "repository/read": ["repository/read", "repository/write", "repository/hidden"],
    "repository/rows": [*IN_BULK, "mixins/mixins_in_bulk"],
    "repository/upsert": ["repository/upsert", "mixins/mixins_in_bulk"],
    "repository/write": ["repository/write", "repository/read", *IN_BULK],
    "unit_of_work/settings_at_begin": ["unit_of_work/begin", "unit_of_work/isolation_level"],
    "unit_of_work/database": [
        "unit_of_work/transactions",
        "unit_of_work/isolation_level",
        "unit_of_work/retry",
        "engine/engine",
        "engine/pool",
    ],
    "unit_of_work/retry": ["unit_of_work/retry"],
    "unit_of_work/session": [
        "unit_of_work/ownership",
        "engine/overlap",
        "unit_of_work/transactions",
    ],
    "unit_of_work/unit_of_work": [
        "unit_of_work/transactions",
        "unit_of_work/hooks",
        "unit_of_work/retry",
        "engine/errors",
    ],
}


def path_of(proofs: str) -> Path:
    """Return where a file of proofs is, in a project and in this repository."""
    room, _, name = proofs.rpartition("/")
    return Path("tests/proofs", room, f"test_{name}.py")


def read_options() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="just mutate", description="Run the proofs on mutants of db/.")
    parser.add_argument(
        "places", nargs="*", metavar="PLACE", help="a room or a module, such as paging/page"
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="only this number of mutants, from all of db/"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the seed of the sample and of its order"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="keep results here, and go on after a stop"
    )
    options = parser.parse_args()
    for place in options.places:
        if not any(is_in(place, module) for module in PROOFS):
            parser.error(f"no such place: {place}")
    return options


def is_in(place: str, module: str) -> bool:
    """Whether a module is a place, or is in this room."""
    return not place or f"{module}/".startswith(f"{place}/")
