#!/usr/bin/env bash
# Builds the lab's Kubernetes from its Go modules and prints the path of the executable.
#
#   tests/lab/kubernetes/build.sh        prints PATH/labkube, building it first when the cache has none
#
# Beside it are links with the names of the programs that it holds (etcd, kube-apiserver, kubectl ...), and from kwok's
# own module stages.yaml, how its nodes and pods come to life, and crds.yaml, the kinds that give pods logs and ports.
# The folder is keyed by the version and by everything that goes into the build, so a second run costs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=1.37.2
programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok)
cache=${BINNACLE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/binnacle-lab}
inputs=$(cd "$here" && sha256sum build.sh go.mod go.sum labkube/main.go | sha256sum | cut -c 1-8)
out=$cache/kubernetes-$version-$inputs

# One line for every hundred packages that are compiled, and all that is not the name of a package.
progress() {
  awk 'NF != 1 { print; next } ++n % 100 == 0 { print "lab: Kubernetes: " n " packages compiled"; fflush() }' >&2
}

# All these files of kwok's module as one.
from_kwok() {
  local kwok file
  kwok=$("$go" list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize
  for file in "$@"; do
    printf -- '---\n'
    cat "$kwok/$file.yaml"
    printf '\n'
  done
}

if [ ! -x "$out/labkube" ]; then
  mkdir -p "$out" "$cache/go-build"
  exec 9>"$out/.lock"
  flock 9
  if [ ! -x "$out/labkube" ]; then
    export GOCACHE=$cache/go-build GOTOOLCHAIN=local CGO_ENABLED=0
    go=$("$here/../go.sh")
    echo "lab: building Kubernetes $version once (about 12 minutes on two cores) into $out" >&2
    cd "$here"
    # Without a version the server calls itself v0.0.0, and clients take it for too old.
    about=k8s.io/component-base/version
    nice -n 10 "$go" build -v -trimpath -o "$out/labkube.partial" \
      -ldflags "-s -w -X $about.gitVersion=v$version -X $about.gitMajor=1 -X $about.gitMinor=37 -X $about.gitTreeState=clean -X $about.gitCommit=lab -X $about.buildDate=2026-01-01T00:00:00Z" \
      ./labkube 2>&1 | progress
    from_kwok stage/node/fast/node-initialize stage/node/heartbeat-with-lease/node-heartbeat-with-lease \
      stage/pod/fast/pod-{ready,complete,delete} metrics/resource/metrics-resource metrics/usage/usage-from-annotation \
      >"$out/stages.yaml"
    from_kwok crd/bases/kwok.x-k8s.io_{logs,clusterlogs,portforwards,clusterportforwards} >"$out/crds.yaml"
    for program in "${programs[@]}"; do ln -sf labkube "$out/$program"; done
    mv "$out/labkube.partial" "$out/labkube"
    echo "lab: Kubernetes $version is built" >&2
  fi
fi
echo "$out/labkube"
