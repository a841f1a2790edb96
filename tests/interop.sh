#!/usr/bin/env bash
# Tests against other people's programs: Debian's Prometheus scrapes a real phoenix, and its alerts reach phoenix through
# Debian's Alertmanager; people sign in at a real Keycloak, which comes from Maven Central (150 MB, kept in
# build/keycloak). Needs what `./dev build` makes, and Node.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
for program in prometheus promtool prometheus-alertmanager amtool; do
  command -v "$program" >/dev/null || { echo "interop: $program is missing: apt-get install prometheus prometheus-alertmanager" >&2; exit 1; }
done
version=26.4.7
export KEYCLOAK_HOME=$PWD/build/keycloak/keycloak-$version
if [ ! -d "$KEYCLOAK_HOME" ]; then
  for program in mvn java unzip; do
    command -v "$program" >/dev/null || { echo "interop: $program is missing: apt-get install maven openjdk-17-jre-headless unzip" >&2; exit 1; }
  done
  archive=build/keycloak/keycloak-quarkus-dist-$version.zip
  mvn -q -B dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$PWD/build/keycloak"
  unzip -q "$archive" -d build/keycloak/unpacking
  mv build/keycloak/unpacking/keycloak-$version "$KEYCLOAK_HOME"
  rm -rf "$archive" build/keycloak/unpacking
fi
exec node --test --test-concurrency=1 tests/interop/*.test.mjs
