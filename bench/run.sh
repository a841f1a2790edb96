#!/usr/bin/env bash
# Measures, and prints what was measured. What was found so far, and on what machine, is in RESULTS.md.
#
#   bench/run.sh [NAME…]        micro vm_list resources peers nested deep_pages open_loop subscribers events queue boot
#                               build; default: all but build
#
#   micro     parse, validate, plan, cached document, ids
#   vm_list   a page of machines through the server beside pgbench on the same statement
#   resources 20 of 100,000 resources in 200 tenants beside pgbench, with CPU; writes bench/results/
#   peers     the same list beside mercurius, Apollo Server, GraphQL Yoga and PostGraphile; one client, too
#   nested    sites, their resources, the operations of each in one request, beside the same peers
#   deep_pages  a page 95,000 rows deep beside the first one, in every order
#   open_loop latency at 70 % of what the server bears, requests due at fixed times
#   events    transactions with an event beside the same without, native and with a slow disk
#   subscribers  sockets that watch one list: memory of each, and how long a change takes to all   SUBSCRIBERS (10000)
#             CLIENTS (1) processes that the sockets are spread over
#   queue     claims beside a snapshot held open                                 QUEUE_SECONDS (60) a turn
#   boot      from the click to RUNNING and to the login prompt; idle memory; a second ./dev up    BOOT_TIMES (10)
#   build     cold and warm build in a copy of the tree; half an hour on two cores: only with BENCH_BUILD=1
#
# Each has a data folder and ports of its own and takes them down again. Needs what `./dev bench` installs and builds;
# the peers' packages are installed here, by those who compare with them.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
names=("$@")
[ $# -gt 0 ] || names=(micro vm_list resources peers nested deep_pages open_loop subscribers events queue boot)

# Configured before its packages were there, a build folder does not know the micro benchmark.
[ -n "${BENCH_NO_BUILD:-}" ] || { cmake build >/dev/null; ninja -C build bench_programs >/dev/null; }

# The tree as it is committed, built as ./dev does, with a compiler cache of its own: empty first, then full.
measure_build() {
  [ "${BENCH_BUILD:-}" = 1 ] || { echo "build: skipped; BENCH_BUILD=1 measures it"; return; }
  local copy; copy=$(mktemp -d)
  git archive HEAD | tar -x -C "$copy"
  export CCACHE_DIR=$copy/.ccache
  local turn start
  for turn in cold warm; do
    rm -rf "$copy/build"
    start=$SECONDS
    (cd "$copy" && cmake --preset release && ninja -C build) >"$copy/$turn.log" 2>&1 || { tail -n 20 "$copy/$turn.log"; rm -rf "$copy"; return 1; }
    echo "build: $turn $((SECONDS - start)) s (server and all its tests, $(nproc) cores)"
  done
  rm -rf "$copy"
}

# Only when they are wanted, and again when the lock changes.
peer_packages() {
  [ bench/peers/node_modules/.package-lock.json -nt bench/peers/package-lock.json ] || (cd bench/peers && npm ci --silent)
}

for name in "${names[@]}"; do
  echo "== $name"
  case $name in
    micro) build/micro_benchmark --benchmark_min_time=0.5 2>/dev/null ;;
    vm_list | resources | deep_pages | subscribers | boot) node "bench/$name.mjs" ;;
    peers | nested | open_loop) peer_packages && node "bench/$name.mjs" ;;
    events | queue) node bench/database.mjs "$name" ;;
    build) measure_build ;;
    *) echo "There is no bench '$name'." >&2; exit 2 ;;
  esac
done
