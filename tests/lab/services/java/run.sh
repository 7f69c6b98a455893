#!/bin/sh
# Runs one of the Java services: `run.sh KIND [options]`. build.sh puts it beside what it built.
here=$(dirname "$(readlink -f "$0")")
kind=$1
shift
small="-Xmx160m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
# Whom it calls by a name is in this file, as in /etc/hosts, where there is one.
[ ! -f hosts ] || small="$small -Djdk.net.hosts.file=hosts"
case $kind in
  # With the classes as they were laid out by a first start; another Java than that of the build goes without.
  resilience4j) exec java $small -Xshare:auto -XX:SharedArchiveFile="$here/resilience4j/classes.jsa" -Xlog:cds=off \
    -jar "$here/resilience4j/resilience4j.jar" "$@" ;;
  hystrix | sentinel | turbine) exec java $small -cp "$here/$kind/$kind.jar:$here/$kind/lib/*" shop.Service "$@" ;;
  *) echo "which service? one of: hystrix, resilience4j, sentinel, turbine" >&2; exit 1 ;;
esac
