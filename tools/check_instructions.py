#!/usr/bin/env python3
"""Counts the instructions of one parse, plan, encoding and request (callgrind), and fails beyond the budget.

    check_instructions.py [--update]

Time depends on what else the machine does; instructions do not. The budgets are in tests/instructions/budgets.json; a
step may take a tenth more. One that takes a fifth less is told, so that the budget can follow (--update writes them).
"""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGETS = ROOT / "tests/instructions/budgets.json"
PROGRAM = ROOT / "build/instructions"
STEPS = ("parse", "plan", "encode", "request")
FEW, MANY = 100, 300


def collected(step: str, times: int) -> int:
    # Collation and addresses must not differ between machines' environments.
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(PROGRAM), step, str(times)],
                          capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"instructions {step}: {done.stderr[-2000:]}")
    return int(found.group(1))


def main() -> int:
    counts = {step: (collected(step, MANY) - collected(step, FEW)) // (MANY - FEW) for step in STEPS}
    if "--update" in sys.argv[1:]:
        BUDGETS.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
    budgets = json.loads(BUDGETS.read_text(encoding="utf-8"))
    failed = False
    for step in STEPS:
        share = counts[step] / budgets[step]
        note = "too many" if share > 1.1 else "fewer: lower the budget" if share < 0.8 else "ok"
        failed |= share > 1.1
        print(f"{step}: {counts[step]:,} instructions, budget {budgets[step]:,}: {note}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
