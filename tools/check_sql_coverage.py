#!/usr/bin/env python3
"""Fails when a statement of the product was never executed on a real PostgreSQL by any test.

    check_sql_coverage.py FOLDER

FOLDER is what PHX_SQL_LOG named while the suite ran: each process wrote down the statements that succeeded.
"""
import os
import sys
from pathlib import Path

# Each transaction and each tenant's read begins or ends with them, under the names they are prepared by.
OPENING = {"pg.set_tenant", "pg.set_limits", "pg.set_tenant_and_limits", "pg.begin_transaction", "pg.commit_transaction"}


def module_of(path: Path) -> str:
    """src/engine/sql/x.sql belongs to engine, src/domains/billing/sql/x.sql to billing."""
    parts = path.parts[path.parts.index("src") + 1:]
    return parts[1] if parts[0] in ("domains", "adapters") else parts[0]


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    wanted = {f"{module_of(path)}.{path.stem}": path for path in sorted((root / "src").rglob("*.sql"))}
    executed = set()
    for name in os.listdir(sys.argv[1]):
        executed.update((Path(sys.argv[1]) / name).read_text(encoding="utf-8").split())
    missing = [path.relative_to(root) for name, path in wanted.items() if name not in executed | OPENING]
    for path in missing:
        print(f"{path}: no test has executed this statement")
    print(f"SQL: {len(wanted) - len(missing)} of {len(wanted)} statements executed")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
