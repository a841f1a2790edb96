#!/usr/bin/env python3
"""Checks the floors of the house: who may include whom, and which third-party headers live where.

The rules are those of docs/architecture.md. A domain may include another domain's public header (its <name>.hpp or
its published ports) only along DOMAIN_EDGES, which must stay acyclic.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLOORS = ["base", "net", "pg", "graphql", "engine", "api", "domains", "adapters", "app"]
# What each floor may include besides itself. net, pg and graphql are siblings on base.
MAY = {
    "base": set(),
    "net": {"base"},
    "pg": {"base"},
    "graphql": {"base"},
    "engine": {"base", "pg"},
    "api": {"base", "net", "pg", "graphql", "engine"},
    "domains": {"base", "net", "pg", "engine", "api"},
    "adapters": {"base", "net", "pg", "engine", "domains"},
    "app": set(FLOORS),
}
DOMAIN_EDGES = {("incident", "compute")}
# Third-party header prefix -> files that may use it.
OWNERS = [
    (r"boost/beast", r"^src/net/"),
    (r"boost/asio/ssl|openssl/ssl", r"^src/net/"),
    (r"libpq-fe\.h", r"^src/pg/"),
    (r"spdlog/", r"^src/base/.*\.cpp$"),
    (r"prometheus/", r"^src/base/.*\.cpp$"),
    (r"argon2\.h", r"^src/domains/identity/.*\.cpp$"),
    (r"CLI/", r"^src/app/.*\.cpp$"),
]


def place(path):
    """('domains', 'compute') for src/domains/compute/x.cpp; ('base', '') for src/base/x.cpp."""
    parts = path.split("/")
    return (parts[0], parts[1] if parts[0] in ("domains", "adapters") and len(parts) > 2 else "")


def main():
    problems = []
    for folder, _, names in os.walk(os.path.join(ROOT, "src")):
        for name in names:
            if not name.endswith((".hpp", ".cpp")):
                continue
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            floor, unit = place(path[len("src/"):])
            if floor not in MAY:
                problems.append(f"{path}: unknown floor '{floor}'")
                continue
            is_test = re.search(r"_(test|pgtest)\.cpp$", name) or "/testing/" in path
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
                    if not match:
                        continue
                    where, header = f"{path}:{number}", match.group(2)
                    for pattern, owner in OWNERS:
                        if re.match(pattern, header) and not re.search(owner, path) and not is_test:
                            problems.append(f"{where}: {header} belongs to {owner}")
                    if match.group(1) == "<":
                        continue
                    if "/" not in header or header.startswith("../") or header.startswith("./"):
                        problems.append(f"{where}: include our headers by their path below src/, not '{header}'")
                        continue
                    to_floor, to_unit = place(header)
                    if to_floor not in MAY:
                        continue
                    if to_floor == floor:
                        if unit != to_unit and floor in ("domains", "adapters") and not (
                                floor == "domains" and (unit, to_unit) in DOMAIN_EDGES):
                            problems.append(f"{where}: {floor}/{unit} may not include {floor}/{to_unit}")
                    elif to_floor not in MAY[floor]:
                        problems.append(f"{where}: floor '{floor}' may not include '{to_floor}'")
    # The list of edges between domains must have no cycle.
    edges = set(DOMAIN_EDGES)
    while edges:
        leaves = {e for e in edges if not any(other[0] == e[1] for other in edges)}
        if not leaves:
            problems.append(f"cycle between domains: {sorted(edges)}")
            break
        edges -= leaves
    for problem in problems:
        print(problem)
    print(f"layers: {'%d problems' % len(problems) if problems else 'in order'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
