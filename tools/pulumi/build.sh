#!/usr/bin/env bash
# Sees to it that the Pulumi command, its language hosts and the SDK generator are there: tools/pulumi/build.sh [NAME…]
# Without a name, all of them; a Pulumi that is installed and new enough serves, and the generator alone is built.
# What is built lies in .tools/pulumi/bin. Takes no time when all is there. Two may run at once; the second waits.
set -euo pipefail
self=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)/$(basename -- "${BASH_SOURCE[0]}")
here=$(dirname -- "$self")
root=$(dirname -- "$(dirname -- "$here")")
bin=$root/.tools/pulumi/bin
stamps=$root/.tools/pulumi/stamps
hosts=(pulumi pulumi-language-yaml pulumi-language-python pulumi-language-nodejs)
all=("${hosts[@]}" trueup-generate-sdk)
oldest=3.259 # the oldest engine that trueup's provider is tested with
# No C compiler, no paths of this machine, no debugging symbols, and go.mod stays as it was committed.
flags=(-mod=readonly -buildvcs=false -trimpath -tags "osusergo,grpcnotrace")

say() { echo "bootstrap: $*" >&2; }

# What each of them is made of: `module` is the folder of its go.mod, `from` the Go module whose version it carries.
describe() { # describe NAME
  local sdk=github.com/pulumi/pulumi/sdk/v3
  module=$here sources=() variable=$sdk/go/common/version.Version
  case $1 in
    pulumi) from=github.com/pulumi/pulumi/pkg/v3 package=$from/cmd/pulumi ;;
    pulumi-language-yaml)
      from=github.com/pulumi/pulumi-yaml package=$from/cmd/$1 variable=$from/pkg/version.Version
      ;;
    pulumi-language-python) module=$here/python from=$sdk package=$sdk/python/cmd/$1 ;;
    pulumi-language-nodejs) module=$here/nodejs from=$sdk package=$sdk/nodejs/cmd/$1 ;;
    trueup-generate-sdk)
      from=github.com/pulumi/pulumi/pkg/v3 package=./generate sources=("$here"/generate/*.go)
      ;;
    *) say "there is no $1 to build; there are ${all[*]}" && exit 2 ;;
  esac
  version=$(awk -v name="$from" '$1 == name { print $2; exit } $2 == name { print $3; exit }' "$module/go.mod")
  link="-s -w -X $variable=$version"
}

# A binary counts as built when its stamp says what it was built from, which is written after it.
wanted() {
  printf '%s %s\n' "$version" "$( (echo "${flags[*]} $link $package" &&
    cat -- "$module/go.mod" "$module/go.sum" ${sources[@]+"${sources[@]}"}) | cksum)"
}
built() { # built NAME
  describe "$1"
  [[ -x $bin/$1 && -r $stamps/$1 && $(cat -- "$stamps/$1") == "$(wanted)" ]]
}
missing() { # missing NAME…: those that have to be built
  local name
  for name; do built "$name" || echo "$name"; done
}

at_least() { # at_least VERSION FLOOR
  local have floor i
  IFS=. read -r -a have <<<"${1%%[!0-9.]*}"
  IFS=. read -r -a floor <<<"$2"
  for i in 0 1 2; do
    ((${have[i]:-0} <= ${floor[i]:-0})) || return 0
    ((${have[i]:-0} == ${floor[i]:-0})) || return 1
  done
}

# An installed Pulumi that can be used instead, as `installed` and `installed_version`. Hosts lie on the PATH or beside it.
find_installed() {
  local host beside
  installed=$(type -aP pulumi | grep -vxF -- "$bin/pulumi" | head -n 1) || true
  [[ -n $installed ]] || return 1
  installed_version=$(PULUMI_SKIP_UPDATE_CHECK=1 "$installed" version 2>/dev/null </dev/null) || return 1
  installed_version=${installed_version#v}
  if ! at_least "$installed_version" "$oldest"; then
    say "$installed is version $installed_version, and $oldest or newer is needed: building one"
    return 1
  fi
  beside=$(dirname -- "$(readlink -f -- "$installed" 2>/dev/null || echo "$installed")")
  for host in pulumi-language-python pulumi-language-yaml; do
    if [[ ! -x $beside/$host ]] && ! type -aP "$host" | grep -qvxF -- "$bin/$host"; then
      say "$installed has no $host beside it or on the PATH: building all"
      return 1
    fi
  done
}

# Sets `go` to a Go that can build the modules, and GOTOOLCHAIN to what makes it one.
find_go() {
  local floor packaged=0 because=""
  floor=$(awk '$1 == "go" { print $2; exit }' "$here/go.mod")
  use_go "$floor" && return
  if [[ -n $(type -P go) ]]; then
    because=", and $(type -P go) is $(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || echo broken) and fetches no other"
  elif command -v apt-get >/dev/null; then
    packaged=$(packaged_go)
    # One that is older than 1.21 cannot fetch a newer one, so that installing it is of no use.
    if at_least "$packaged" 1.21 && [[ $(id -u) == 0 ]]; then
      say "installing golang-go $packaged with apt-get"
      DEBIAN_FRONTEND=noninteractive apt-get install -y golang-go >/dev/null </dev/null 9>&- || true
      use_go "$floor" && return
    fi
    because=", and there is none; golang-go of this system is ${packaged:-unknown}"
  fi
  say "Pulumi is built with Go $floor or newer$because."
  if at_least "${packaged:-0}" 1.21 && [[ $(id -u) != 0 ]]; then
    say "Run this, and then script/bootstrap --pulumi again:"
    say "  sudo apt-get install -y golang-go"
  else
    say "Install it from https://go.dev/dl, or Pulumi $oldest or newer from https://www.pulumi.com/docs/install,"
    say "so that it is on the PATH, and run script/bootstrap --pulumi again."
  fi
  return 1
}
packaged_go() { # the version of Debian's package, without its epoch
  local ask=(apt-cache policy golang-go)
  "${ask[@]}" | grep -q 'Candidate: .*[0-9]' || [[ $(id -u) != 0 ]] || apt-get update >/dev/null 2>&1 </dev/null || true
  "${ask[@]}" | awk '$1 == "Candidate:" { sub(/^[0-9]+:/, "", $2); sub(/[^0-9.].*/, "", $2); print $2 }'
}
use_go() { # use_go FLOOR
  local found version
  for found in $(type -aP go) /usr/local/go/bin/go; do
    version=$(GOTOOLCHAIN=local "$found" env GOVERSION 2>/dev/null) || continue
    at_least "${version#go}" "$1" && go=$found && export GOTOOLCHAIN=local && return
  done
  # Since 1.21 Go fetches a newer one by itself when it is told which, from where it fetches modules.
  for found in $(type -aP go); do
    version=$(GOTOOLCHAIN=local "$found" env GOVERSION 2>/dev/null) || continue
    at_least "${version#go}" 1.21 || continue
    say "$found is ${version#go}; asking it to fetch Go $1"
    GOTOOLCHAIN=go$1 "$found" version >/dev/null 2>&1 </dev/null || continue
    go=$found && export GOTOOLCHAIN="go$1" && return
  done
  return 1
}

clock() { # clock SINCE: "12 s", "3 min 4 s"
  local passed=$((SECONDS - $1))
  if ((passed < 60)); then echo "$passed s"; else echo "$((passed / 60)) min $((passed % 60)) s"; fi
}

job=""
temporary=""
clean_up() {
  # Go and the compilers that it started are one process group. Interrupted, Go tidies up after itself.
  [[ -z $job ]] || ! kill -INT -- "-$job" 2>/dev/null || wait "$job" || true
  [[ -z $temporary ]] || rm -rf -- "$temporary"
}

# Runs a command out of sight and tells how long it has been at it. What it printed is shown when it fails.
watch() { # watch WORDS COMMAND…
  local words=$1 began=$SECONDS minute=1 status=0
  shift
  [[ -t 2 ]] || say "$words"
  set -m
  "$@" >"$temporary/log" 2>&1 </dev/null 9>&- &
  job=$!
  set +m
  while kill -0 "$job" 2>/dev/null; do
    if [[ -t 2 ]]; then
      printf '\r\033[Kbootstrap: %s (%s)' "$words" "$(clock "$began")" >&2
    elif ((SECONDS - began >= 60 * minute)); then
      say "$words: $((minute++)) min so far"
    fi
    sleep 0.2
  done
  wait "$job" || status=$?
  job=""
  [[ ! -t 2 ]] || printf '\r\033[K' >&2
  if ((status)); then
    tail -n 20 -- "$temporary/log" >&2
    say "$words failed. Run script/bootstrap --pulumi to try again; what was built so far is kept."
    return 1
  fi
  took=$(clock "$began")
}

build() { # build NAME PLACE
  local name=$1 took
  describe "$name"
  rm -f -- "$stamps/$name"
  watch "building $name $version ($2)" in_module "$go" build "${flags[@]}" -ldflags "$link" -o "$temporary/$name" "$package"
  if [[ $name == pulumi-language-python ]]; then
    # The host starts every program through this script, which lies beside it.
    local shim=pulumi-language-python-exec
    cat -- "$(in_module "$go" list -mod=readonly -m -f '{{.Dir}}' "$from")/python/cmd/$shim" >"$temporary/$shim"
    chmod +x -- "$temporary/$shim"
    mv -f -- "$temporary/$shim" "$bin/$shim"
  fi
  mv -f -- "$temporary/$name" "$bin/$name"
  wanted >"$temporary/stamp"
  mv -f -- "$temporary/stamp" "$stamps/$name"
  say "built $name $version in $took"
}
in_module() { (cd -- "$module" && CGO_ENABLED=0 GOWORK=off exec "$@"); }

names=("$@")
instead=""
if [[ $# == 0 ]]; then
  names=("${all[@]}")
  if [[ -n $(missing "${hosts[@]}") ]] && find_installed; then
    instead="; Pulumi is $installed, version $installed_version"
    names=(trueup-generate-sdk)
    # What was built for other versions, or not to the end, would be found first.
    (cd -- "$bin" 2>/dev/null && rm -f -- "${hosts[@]}" pulumi-language-python-exec) || true
  fi
fi

todo=$(missing "${names[@]}")
if [[ -n $todo ]]; then
  # The lock is one of the kernel on this very file: it goes with the process, so there is nothing to clean up.
  exec 9<"$self"
  for python in "$root/.venv/bin/python" python3 python; do
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 2>/dev/null && break
  done || true
  todo=$(missing "${names[@]}")
fi

if [[ -n $todo ]]; then
  if ! find_go; then
    [[ -n $instead ]] || exit 1
    say "the SDK generator is not built${instead}"
    exit 0
  fi
  mkdir -p "$bin" "$stamps"
  # Leftovers of one that was killed; whoever holds the lock is alone here.
  rm -rf -- "$root/.tools/pulumi"/building.*
  temporary=$(mktemp -d "$root/.tools/pulumi/building.XXXXXX")
  trap clean_up EXIT
  trap '[[ ! -t 2 ]] || echo >&2; say "interrupted; what was built so far is kept"; exit 130' INT TERM HUP
  count=0 total=$(($(wc -w <<<"$todo")))
  for name in $todo; do
    count=$((count + 1))
    build "$name" "$count of $total"
  done
  [[ $# != 0 ]] || say "all is in .tools/pulumi/bin$instead"
elif [[ $# == 0 ]]; then
  describe pulumi
  what="Pulumi ${version#v}, its hosts and the SDK generator are"
  [[ -z $instead ]] || what="the SDK generator is"
  say "$what in .tools/pulumi/bin already$instead"
fi
