#!/usr/bin/env bash
# What takes too long for every push: sanitizers, many seeds, many kills, a slow database, fuzzing, a bare Debian.
#
#   tests/deep.sh [STEP…]        default: all of them, in this order
#
# A failing step does not keep the others from running; the last line counts, and the exit status is 1 when any failed.
# The whole output of a step is in build/deep/<step>.log. FUZZ_SECONDS (60) is per target; DEEP_SEEDS (10000) per world;
# CHAOS_VMS (20) and CHAOS_KILLS (50) are the chaos test's. Needs what `./dev test` installs and builds.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD
logs=$root/build/deep
steps=(asan tsan simulation chaos portal sick_database fuzz plain_debian)

configured() { # preset
  [ -f "build-$1/build.ninja" ] || cmake --preset "$1"
}

# The image stays outside of the sanitizers' build folders: it is the same.
image=$root/build/image/micro

about_asan="every unit, database and guest test, and the newcomer's story, with address and undefined behaviour sanitizers"
step_asan() {
  configured asan
  ninja -C build-asan
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1
  export UBSAN_OPTIONS=print_stacktrace=1
  PHOENIX_TEST_IMAGE=$image ctest --test-dir build-asan --output-on-failure -j2 -L 'unit|pg'
  PHX_BINARY=build-asan/phoenix node --test tests/functional/story.test.mjs
}

about_tsan="the tests in which threads meet, with the thread sanitizer"
step_tsan() {
  configured tsan
  # Everything else runs on the one I/O thread.
  local tests=(base_test net_test pg_pgtest engine_test engine_pgtest)
  ninja -C build-tsan "${tests[@]}"
  export TSAN_OPTIONS=second_deadlock_stack=1
  ctest --test-dir build-tsan --output-on-failure -R "^($(IFS='|'; echo "${tests[*]}"))\$"
}

about_simulation="${DEEP_SEEDS:-10000} seeds of every world"
step_simulation() { build/phoenix-sim --seeds "${DEEP_SEEDS:-10000}" --regressions tests/simulation/regressions.txt; }

about_chaos="kills of everything, everywhere"
step_chaos() {
  CHAOS_VMS=${CHAOS_VMS:-20} CHAOS_KILLS=${CHAOS_KILLS:-50} \
    node --test --test-concurrency=1 tests/functional/chaos.test.mjs tests/functional/restart.test.mjs
}

about_portal="every page of the portal in Chromium over a pretend server: rare states and both themes"
step_portal() { (cd portal && npm run --silent test:browser); }

about_sick_database="every database test on a database with a slow disk and next to no memory"
step_sick_database() { PHX_PGTEST_SICK=1 ctest --test-dir build --output-on-failure -j2 -L pg; }

fuzz() { # target name
  # What it finds is kept there from run to run; the first folder is the one it writes to.
  mkdir -p "build-fuzz/corpus/$2"
  echo "--- $2"
  "$1" -max_total_time="${FUZZ_SECONDS:-60}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="build-fuzz/$2-" "build-fuzz/corpus/$2" "tests/fuzz/corpus/$2" ||
    { echo "FAILED: $2; the input is build-fuzz/$2-*, replay it with $1 FILE"; return 1; }
}

about_fuzz="${FUZZ_SECONDS:-60} s of each fuzz target, two at a time"
step_fuzz() {
  configured fuzz
  ninja -C build-fuzz fuzzers
  local target name failed=no running=()
  export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  for target in build-fuzz/*_fuzz; do
    name=$(basename "$target" _fuzz)
    fuzz "$target" "$name" >"$logs/fuzz-$name.log" 2>&1 &
    running+=($!)
    [ ${#running[@]} -lt 2 ] || { wait "${running[0]}" || failed=yes; running=("${running[@]:1}"); }
  done
  for target in "${running[@]}"; do wait "$target" || failed=yes; done
  cat "$logs"/fuzz-*.log
  [ $failed = no ]
}

about_plain_debian="the newcomer's commands on a Debian 12 with nothing installed"
step_plain_debian() { tests/plain-debian.sh; }

# --- running them -------------------------------------------------------------------------------------------------------
[ $# = 0 ] || steps=("$@")
for name in "${steps[@]}"; do
  declare -F "step_$name" >/dev/null || { echo "deep: there is no step '$name'" >&2; exit 2; }
done
mkdir -p "$logs"
passed=0
failed=()
for name in "${steps[@]}"; do
  about=about_$name
  printf '\033[1m==>\033[0m %s: %s\n' "$name" "${!about}"
  start=$SECONDS
  # Not as a condition: bash would ignore `set -e` in it.
  set +e
  (set -e; "step_$name") >"$logs/$name.log" 2>&1 </dev/null
  status=$?
  set -e
  if [ $status = 0 ]; then
    passed=$((passed + 1))
    grep -E '^world |tests passed|^# (pass|fail) |^--- |number_of_executed_units|^plain-debian: .* processors|^ +[0-9]+\.[0-9] s  ' \
      "$logs/$name.log" | sed 's/^/    /' || :
    printf '    passed in %d s\n' $((SECONDS - start))
  else
    failed+=("$name")
    tail -n 60 "$logs/$name.log" | sed 's/^/    | /'
    printf '    FAILED in %d s; everything it said is in %s\n' $((SECONDS - start)) "${logs#"$root"/}/$name.log"
  fi
done
echo
echo "deep: $passed passed, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}"
[ ${#failed[@]} = 0 ]
