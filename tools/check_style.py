#!/usr/bin/env python3
"""Checks what a formatter cannot: banned calls with their reasons, SQL outside .sql files, promises left open."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TEST = r"_(test|pgtest|fuzz)\.cpp$|/testing/|^tests/|^bench/"
# (pattern, why, files where it is allowed)
RULES = [
    (r"system_clock::now", "time comes from Clock", r"^src/base/clock\.cpp$|" + TEST),
    # Limits of real waits on sockets and processes lie below the Clock's seam: simulations replace the whole adapter.
    (r"steady_clock::now", "time comes from Clock", r"^src/base/(clock|deadline)\.[ch]pp$|^src/net/|^src/adapters/|" + TEST),
    (r"std::random_device|std::mt19937|\brand\(\)", "randomness comes from Random", r"^$"),
    (r"asio::detached", "background work belongs to a TaskScope", r"^$"),
    (r"std::regex", "std::regex is slow and may overflow the stack", r"^$"),
    (r"std::this_thread::sleep", "blocks the I/O thread", r"^src/pg/(cluster|migrate)\.cpp$|" + TEST),
    (r"\bstd::system\(|\bpopen\(", "no shell", r"^$"),
    (r"std::cout|\bprintf\(", "output goes through log or the command's writer", r"^src/app/|^src/graphql/conformance_main\.cpp$|^src/base/|" + TEST),
    (r"\bT" + r"ODO\b|\bF" + r"IXME\b|\bX" + r"XX\b", "finish it or file an issue", r"^$"),
    (r"SET ROLE|set role", "no SET ROLE: one login role per kind of connection", TEST),
    (r'"\s*(select|insert into|update|delete from)\s', "SQL lives in .sql files", r"^src/pg/|^src/api/compile|^src/api/.*sql.*|" + TEST),
]
LINES_MAX = 1200


def main():
    problems = []
    for top in ("src", "tests", "bench"):
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders[:] = [f for f in folders if f != "node_modules"]
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                if name.endswith((".cpp", ".hpp")):
                    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                        lines = file.read().split("\n")
                    if len(lines) > LINES_MAX:
                        problems.append(f"{path}: {len(lines)} lines; split it (limit {LINES_MAX})")
                    for number, line in enumerate(lines, 1):
                        code = line.split("//")[0]
                        for pattern, why, allowed in RULES:
                            text = line if "finish it" in why else code
                            if re.search(pattern, text) and not re.search(allowed, path):
                                problems.append(f"{path}:{number}: {why}: {line.strip()[:80]}")
                elif name.endswith(".sql") and top == "src":
                    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                        text = re.sub(r"\$\$.*?\$\$", "", re.sub(r"--.*", "", file.read()), flags=re.S)
                    if re.search(r"(?<![.\w])now\(\)|current_timestamp|clock_timestamp", text, re.I):
                        problems.append(f"{path}: time in SQL is phoenix.now()")
                    if ";" in text.strip().rstrip(";"):
                        problems.append(f"{path}: one statement per .sql file")
    for problem in problems:
        print(problem)
    print(f"style: {'%d problems' % len(problems) if problems else 'in order'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
