"""The names that projects import. Before a name is removed, it needs an alias for a minor version."""

import ast
from pathlib import Path

import pytest

from tests.helpers import ROOT

LAYER = ROOT / "template/src/{{ package_name }}/db"

SURFACE = {
    ".": {
        "NAMING_CONVENTION",
        "TYPE_ANNOTATION_MAP",
        "UNSET",
        "Base",
        "AllowedFields",
        "BeginHook",
        "Criterion",
        "Database",
        "DatabaseSettings",
        "Health",
        "IsolationLevel",
        "Options",
        "OrderBy",
        "Page",
        "PageArguments",
        "PoolStatus",
        "ReadRepository",
        "ReadUnitOfWork",
        "Reading",
        "RecordedQuery",
        "Repository",
        "RowLock",
        "SoftDeleteRepository",
        "UnitOfWork",
        "Unset",
        "errors",
        "mixins",
        "paginate",
        "record_queries",
        "retry",
        "search",
    },
    "mixins": {"CreatedAt", "SoftDelete", "Timestamps", "Versioned", "bigint", "uuid4", "uuid7"},
    "audit": {"Actor", "AuditEntry", "Audited", "actor_hook"},
    "opentelemetry": {"observe"},
    "tenancy": {
        "Database",
        "NoTenant",
        "ReadRepository",
        "Repository",
        "Tenant",
        "TenantError",
        "TenantKey",
        "Tenanted",
        "TenantedLog",
        "UnsafeRole",
        "open_to_all_tenants",
        "system_database",
        "tenant_attributes",
        "tenant_foreign_key",
        "tenant_scope",
    },
    "fastapi": {
        "IfMatch",
        "PageOf",
        "PageParameters",
        "Paging",
        "RetriedRoute",
        "WebSettings",
        "check_if_match",
        "get_database",
        "install",
        "problem_responses",
        "serving",
        "set_etag",
        "set_page_links",
        "transaction_options",
        "unit_of_work_dependency",
    },
    "migrations": {"run_migrations"},
}

ERRORS = {
    "CheckViolation",
    "ClientError",
    "CommitUnknown",
    "ConnectionFailure",
    "ConnectionRejected",
    "ConstraintViolation",
    "DataException",
    "DatabaseError",
    "DeadlockDetected",
    "Error",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "InsufficientPrivilege",
    "InvalidCursor",
    "InvalidInput",
    "LockNotAvailable",
    "MultipleFound",
    "NotFound",
    "NotNullViolation",
    "PoolTimeout",
    "ReadOnlyTransaction",
    "SchemaMismatch",
    "QueryCanceled",
    "SerializationFailure",
    "SettingsError",
    "StaleData",
    "TransientError",
    "UniqueViolation",
    "UnitOfWorkError",
}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("package", SURFACE)
def test_the_public_names_are_these(package: str) -> None:
    [names] = [
        ast.literal_eval(node.value)
        for node in parse(LAYER / package / "__init__.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]

    assert set(names) == SURFACE[package]
    assert len(names) == len(set(names))


def test_the_errors_are_these() -> None:
    classes = {
        node.name for node in parse(LAYER / "errors.py").body if isinstance(node, ast.ClassDef)
    }

    assert classes == ERRORS


def test_every_module_class_and_public_function_has_a_docstring() -> None:
    for path in LAYER.rglob("*.py"):
        module = parse(path)
        assert ast.get_docstring(module), path
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and public(node, module):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


def public(function: ast.FunctionDef | ast.AsyncFunctionDef, module: ast.Module) -> bool:
    """Return whether others can use it: not private, not an overload, not inside a function."""
    if "overload" in map(ast.unparse, function.decorator_list):
        return False
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    scopes: list[ast.Module | ast.ClassDef] = [module, *classes]
    overload = any(ast.unparse(each) == "overload" for each in function.decorator_list)
    named = not function.name.startswith("_") and not overload
    return named and any(function in scope.body for scope in scopes)
