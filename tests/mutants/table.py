"""The proofs of each module of `db/`, and the options of the command."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

AUTOGENERATE = "migrations/autogenerate::test_"
CHANGED = f"{AUTOGENERATE}a_change_becomes_operations_that_the_running_code_survives"
KINDS = ["migrations/comparison", "migrations/kinds"]
WRITTEN = ["migrations/scripts", *KINDS]
REPEATED = ["migrations/environment", "migrations/scripts"]
CONSTRAINTS = [
    f"{CHANGED}[an enumeration]",
    f"{CHANGED}[an index that becomes unique]",
    f"{CHANGED}[a foreign key with a long name]",
    f"{CHANGED}[a unique constraint that waits for COMMIT]",
    f"{AUTOGENERATE}a_constraint_that_rows_violate_is_dropped_again",
]
FINDINGS = "migrations/gate_history::test_the_command_prints"
IN_BULK = [
    "repository/types",
    "repository/insert_rows",
    "repository/update_rows",
    "repository/upsert",
    "repository/missing_rows",
]
READ = ["repository/write", "paging/page", "repository/hidden"]

# By module: a few files of `tests/proofs/`, without `test_` and `.py`, or a test of a file, after `::`.
# The first ones notice the most. A mutant runs them until one fails, so a slow one is the last one or is
# missing.
PROOFS = {
    "base": ["mixins/ddl", "repository/write"],
    "errors": ["engine/concerns", "engine/errors"],
    "settings": ["settings"],
    "unset": ["repository/read"],
    "engine/aborted_commit": ["unit_of_work/transactions", "engine/engine"],
    "engine/call_site": ["engine/pool", "engine/query_log"],
    "engine/create": ["engine/engine", "engine/engine_options", "engine/errors", "engine/pool"],
    "engine/overlap": ["engine/overlap", "unit_of_work/transactions"],
    "engine/pool": ["engine/pool", "engine/engine", "engine/engine_options"],
    "engine/query_log": ["engine/query_log"],
    "engine/translation": [
        "engine/errors",
        "repository/foreign_errors",
        "unit_of_work/transactions",
    ],
    "migrations/environment": [
        "migrations/environment",
        "migrations/schemas",
        "migrations/what_counts",
    ],
    "migrations/phases": ["migrations/environment", "migrations/phases"],
    "migrations/runner": [
        "migrations/environment",
        "migrations/what_counts",
        "migrations/locks",
        "migrations/faults",
    ],
    "migrations/settings": ["settings"],
    "migrations/authoring/comparison": KINDS,
    "migrations/authoring/constraints": [*CONSTRAINTS, "migrations/trial", "migrations/order"],
    "migrations/authoring/defaults": [
        "migrations/scripts",
        f"{CHANGED}[a list]",
        f"{CHANGED}[an enumeration]",
    ],
    "migrations/authoring/definitions": KINDS,
    "migrations/authoring/hooks": [
        "migrations/schemas",
        "migrations/comparison",
        f"{AUTOGENERATE}partitions_and_tables_of_extensions_are_ignored",
        f"{AUTOGENERATE}nothing_is_written_when_nothing_has_changed",
        f"{AUTOGENERATE}the_check_lists_each_difference",
        "migrations/kinds",
    ],
    "migrations/authoring/planner": [
        *WRITTEN,
        f"{CHANGED}[another type]",
        f"{CHANGED}[no column, after it was NOT NULL]",
        f"{CHANGED}[a column whose default differs by row]",
        f"{CHANGED}[no default]",
        f"{AUTOGENERATE}a_change_that_stops_production_is_refused",
        f"{AUTOGENERATE}a_partitioned_table_gets_no_index_concurrently",
        f"{AUTOGENERATE}new_tables_may_refer_to_each_other",
        *CONSTRAINTS,
    ],
    "migrations/authoring/plugins": ["migrations/schemas", "migrations/comparison"],
    "migrations/authoring/prerequisites": [
        *KINDS,
        f"{AUTOGENERATE}a_native_enumeration_is_created_before_its_column",
    ],
    "migrations/authoring/rendering": WRITTEN,
    "migrations/authoring/replacements": [
        f"{CHANGED}[an index that becomes unique]",
        "migrations/order",
    ],
    "migrations/authoring/revisions": [
        "migrations/scripts",
        f"{AUTOGENERATE}operations_that_cannot_be_repeated_have_their_own_file",
        "migrations/comparison",
        *CONSTRAINTS,
    ],
    "migrations/authoring/statements": KINDS,
    "migrations/authoring/trial": [
        "migrations/trial",
        f"{AUTOGENERATE}new_tables_may_refer_to_each_other",
        "migrations/comparison",
        "migrations/order",
    ],
    "migrations/authoring/types": KINDS,
    "migrations/gate/__main__": [
        FINDINGS + "_a_line_for_each_finding",
        FINDINGS + "_nothing_if_nothing_is_found",
    ],
    "migrations/gate/linter": ["migrations/gate_history", "migrations/gate"],
    "migrations/gate/main_branch": ["migrations/gate_history"],
    "migrations/gate/source": ["migrations/gate", FINDINGS + "_a_line_for_each_finding"],
    "migrations/gate/squawk": [
        "migrations/gate",
        "migrations/gate_bypasses",
        FINDINGS + "_a_line_for_each_finding",
        "migrations/gate_history::test_one_sentence_says_that_squawk_is_missing",
    ],
    "migrations/gate/statements": ["migrations/gate", "migrations/gate_bypasses"],
    "migrations/operations/backfill": [
        "migrations/backfill",
        FINDINGS + "_a_line_for_each_finding",
    ],
    "migrations/operations/concurrently": [
        *REPEATED,
        *CONSTRAINTS,
        f"{CHANGED}[a column whose default differs by row]",
    ],
    "migrations/operations/progress": ["migrations/backfill"],
    "migrations/operations/types": KINDS,
    "migrations/postgresql/__init__": ["migrations/environment"],
    "migrations/postgresql/activity": [
        "migrations/what_counts::test_the_command_shows_the_details_of_the_server",
        "migrations/locks::test_a_migration_behind_an_endless_reader_gives_up_and_changes_nothing",
    ],
    "migrations/postgresql/advisory_lock": ["migrations/environment", "migrations/faults"],
    "migrations/postgresql/batched_update": ["migrations/backfill"],
    "migrations/postgresql/catalogue": [
        "migrations/schemas",
        f"{AUTOGENERATE}partitions_and_tables_of_extensions_are_ignored",
        f"{CHANGED}[an enumeration]",
        "migrations/what_counts::test_a_revision_that_left_an_invalid_index_does_not_count",
        "migrations/what_counts::test_an_invalid_index_of_somebody_else_stops_nobody",
        "migrations/faults",
    ],
    "migrations/postgresql/online_ddl": [
        *REPEATED,
        *CONSTRAINTS,
        "migrations/what_counts::test_a_revision_that_left_an_invalid_index_does_not_count",
    ],
    "migrations/postgresql/session": ["migrations/environment", "migrations/what_counts"],
    "migrations/postgresql/table_rewrites": ["migrations/table_rewrites"],
    "mixins/inheritance": ["repository/inheritance", "mixins/subclasses", "mixins/timestamps"],
    "mixins/bigint": ["mixins/ddl", "repository/write"],
    "mixins/soft_delete": ["mixins/ddl", "repository/hidden"],
    "mixins/timestamps": [
        "mixins/ddl",
        "mixins/timestamps",
        "mixins/subclasses::test_updated_at_follows_a_change_of_the_subclass_alone",
        "mixins/subclasses::test_updated_at_does_not_follow_a_change_of_a_collection",
    ],
    "mixins/uuid4": ["mixins/ddl", "repository/write"],
    "mixins/uuid7": ["mixins/ddl", "repository/write"],
    "mixins/versioned": ["mixins/ddl", "mixins/versioned"],
    "paging/cursor": ["paging/cursor", "paging/page"],
    "paging/filtering": ["paging/filtering", "paging/hostile_input"],
    "paging/order": ["paging/page", "paging/cursor", "paging/properties"],
    "paging/page": ["paging/page", "paging/cursor", "paging/properties", "paging/plans"],
    "paging/values": ["paging/types", "paging/cursor", "paging/hostile_input"],
    "postgresql/connect": [
        "engine/engine_options",
        "engine/engine",
        "engine/errors",
        "unit_of_work/begin",
        "settings",
    ],
    "postgresql/bulk_insert": ["repository/insert_rows", "repository/insert_rows_faults"],
    "postgresql/error_codes": ["engine/errors", "unit_of_work/retry", "repository/foreign_values"],
    "postgresql/indexes": ["mixins/ddl"],
    "postgresql/staging": ["repository/upsert", "repository/update_rows"],
    "postgresql/transaction": ["unit_of_work/begin", "unit_of_work/isolation_level"],
    "postgresql/types": ["mixins/ddl", "paging/cursor", "repository/write"],
    "postgresql/upsert": ["repository/upsert", "mixins/mixins_in_bulk"],
    "postgresql/url": ["settings"],
    "repository/batches": [*IN_BULK, "mixins/mixins_in_bulk", "repository/insert_rows_faults"],
    "repository/hidden": ["repository/hidden_writes", "repository/hidden"],
    "repository/read": ["repository/read", "repository/by_keys", *READ],
    "repository/rows": [*IN_BULK, "mixins/mixins_in_bulk", "repository/write"],
    "repository/upsert": ["repository/upsert", "repository/missing_rows", "mixins/mixins_in_bulk"],
    "repository/write": [
        "repository/write",
        "repository/criteria",
        "repository/read",
        "repository/hidden_writes",
        "repository/shapes",
    ],
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
    # The rooms of options, each in a project with its option.
    "audit/actor": ["audit/actor", "audit/log"],
    "audit/autogenerate": ["audit/revisions", "audit/log"],
    "audit/model": ["audit/log", "audit/revisions"],
    "audit/triggers": ["audit/log", "audit/privileges", "audit/actor", "audit/revisions"],
    "fastapi/application": ["fastapi/service", "fastapi/requests"],
    "fastapi/etag": ["fastapi/etag"],
    "fastapi/health": ["fastapi/service"],
    "fastapi/page_links": ["fastapi/answers", "fastapi/requests"],
    "fastapi/problems": ["fastapi/problems", "fastapi/answers", "fastapi/websockets"],
    "fastapi/request_log": ["fastapi/service", "fastapi/request_log", "fastapi/answers"],
    "fastapi/retried_route": ["fastapi/retried_route", "fastapi/requests", "fastapi/faults"],
    "fastapi/schema_state": ["fastapi/service", "fastapi/schema_state"],
    "fastapi/settings": ["fastapi/service"],
    "fastapi/unit_of_work": ["fastapi/requests", "fastapi/retried_route", "fastapi/faults"],
    "opentelemetry/observe": ["opentelemetry/traces"],
    "opentelemetry/spans": ["opentelemetry/traces"],
    "tenancy/autogenerate": ["tenancy/revisions"],
    "tenancy/database": ["tenancy/mutants", "tenancy/tenant", "tenancy/leaks", "tenancy/web"],
    "tenancy/model": ["tenancy/models", "tenancy/tenant", "tenancy/work"],
    "tenancy/policies": ["tenancy/revisions", "tenancy/mutants", "tenancy/work"],
    "tenancy/repository": ["tenancy/work"],
    "tenancy/request": ["tenancy/web"],
    "tenancy/roles": ["tenancy/mutants"],
    "tenancy/system": ["tenancy/system"],
    "tenancy/tenant": ["tenancy/tenant", "tenancy/mutants", "tenancy/leaks", "tenancy/web"],
}

OPTIONS = ("audit", "fastapi", "opentelemetry", "tenancy")


def path_of(proofs: str) -> Path:
    """Return where a file of proofs is, in a project and in this repository."""
    room, _, name = proofs.partition("::")[0].rpartition("/")
    return Path("tests/proofs", room, f"test_{name}.py")


def node_of(proofs: str) -> str:
    """Return the argument of pytest for a file of proofs, or for a test of it."""
    return "".join([str(path_of(proofs)), *proofs.partition("::")[1:]])


def read_options() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="just mutate", description="Run the proofs on mutants of db/.")
    parser.add_argument(
        "places", nargs="*", metavar="PLACE", help="a room or a module, such as paging/page"
    )
    parser.add_argument(
        "--option", choices=OPTIONS, default="", help="only the room of this option"
    )
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="only this number of mutants, from all rooms that are changed",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the seed of the sample and of its order"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="keep results here, and go on after a stop"
    )
    options = parser.parse_args()
    for place in options.places:
        if not any(is_in(place, module) for module in modules_of(options.option)):
            parser.error(f"no such place: {place}")
    return options


def modules_of(option: str) -> list[str]:
    """Return the modules of an option's room, or of all rooms that belong to no option."""
    rooms = {module: module.partition("/")[0] for module in PROOFS}
    return [module for module, room in rooms.items() if option == (room if room in OPTIONS else "")]


def is_in(place: str, module: str) -> bool:
    """Whether a module is a place, or is in this room."""
    return not place or f"{module}/".startswith(f"{place}/")
