#!/usr/bin/env bash
# Builds the Java services of the lab's shop and prints the path of the script that runs them.
#
#   tests/lab/services/java/build.sh     prints PATH/run.sh, building first when the cache has nothing
#
# The folder is keyed by everything that goes into the build, so a second run costs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
inputs=$(cd "$here" && find . -type f -not -path '*/target/*' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-8)
out=$cache/services-java-$inputs

die() { echo "lab: the Java services: $*" >&2; exit 1; }

if [ ! -x "$out/run.sh" ]; then
  mkdir -p "$out"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/run.sh" ]; then
    command -v mvn >/dev/null && command -v javac >/dev/null ||
      die "Maven or a JDK is missing (on Debian and Ubuntu: the packages maven and default-jdk-headless)"
    echo "lab: building the Java services once (about two minutes on two cores) into $out" >&2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cp -r "$here"/. "$work"
    cd "$work"
    # A file whose checksum is not the repository's ends the build.
    nice -n 10 mvn --quiet --batch-mode --strict-checksums -DskipTests package >&2
    for plain in hystrix sentinel turbine; do
      mkdir "$work/$plain/app"
      mv "$plain/target/$plain.jar" "$plain/target/lib" "$plain/app"
    done
    java -Djarmode=tools -jar resilience4j/target/resilience4j.jar extract --destination resilience4j/app >&2
    for kind in hystrix resilience4j sentinel turbine; do
      rm -rf "${out:?}/$kind"
      mv "$kind/app" "$out/$kind"
    done
    # Halves the time of later starts: its classes as they are after one. Where that fails they start without.
    nice -n 10 java -XX:+UseSerialGC -XX:ArchiveClassesAtExit="$out/resilience4j/classes.jsa" -Xlog:cds=off \
      -Dspring.context.exit=onRefresh -jar "$out/resilience4j/resilience4j.jar" --name=training >"$work/log" 2>&1 ||
      cat "$work/log" >&2
    cp run.sh "$out/run.partial"
    mv "$out/run.partial" "$out/run.sh"
    echo "lab: the Java services are built" >&2
  fi
fi
echo "$out/run.sh"
