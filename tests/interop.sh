#!/usr/bin/env bash
# Tests against other people's programs, as Debian packages them: a real Prometheus scrapes a real phoenix, and its
# alerts reach phoenix through a real Alertmanager. Needs what `./dev build` makes, and Node.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
for program in prometheus promtool prometheus-alertmanager amtool; do
  command -v "$program" >/dev/null || { echo "interop: $program is missing: apt-get install prometheus prometheus-alertmanager" >&2; exit 1; }
done
exec node --test --test-concurrency=1 tests/interop/*.test.mjs
