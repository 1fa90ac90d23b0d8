# shellcheck shell=bash
# Shared by the scripts beside it, which try foreign binaries of dist/ on a Debian x64 machine.
# Each of them prints one line per check: `ok NAME`, `FAILED NAME: why` or `not run: NAME: why`,
# and exits 0 when all were ok, 1 when any failed, 77 when none failed but some could not be run.
set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
cd "$scratch" || exit 1

failed=0
skipped=0
server=""
emulator=() # set by each script: what to put in front of the arguments of iomux
limit=120   # seconds that one run may take

ok() { echo "ok $1"; }
failed() {
  failed=1
  echo "FAILED $1: $2"
}
not_run() {
  skipped=1
  echo "not run: $1: $2"
}
# What nobody could run anywhere is said, and no reason for another exit status.
absent() { echo "not run: $1: $2"; }

finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null
  cd / && rm -rf "$scratch"
  [ "$failed" = 0 ] || exit 1
  [ "$skipped" = 0 ] || exit 77
  exit 0
}
trap finish EXIT
trap 'failed=1; exit' INT TERM

# need WHAT PACKAGE... : installs what is missing, or ends the script with WHAT as not run.
need() {
  local what=$1
  shift
  bash "$root/scripts/packages.sh" "$@" >apt.log 2>&1
  dpkg -s "$@" >/dev/null 2>&1 && return
  not_run "$what" "cannot install $*: $(tail -n 1 apt.log)"
  exit
}

# need_binary WHAT FILE : ends the script unless compile.sh has built dist/FILE.
need_binary() {
  [ -f "$root/dist/$2" ] && return
  failed "$1" "no dist/$2, run ./compile.sh ${2#iomux-} first"
  exit
}

# last FILE... : the last line with anything on it, for the reason behind a failure.
last() { cat "$@" | grep -v '^ *$' | tail -n 1; }

# run ARG... : the binary under its emulator, bounded in time.
run() { timeout -k 5 "$limit" "${emulator[@]}" "$@" >out 2>err </dev/null; }

check_version() {
  local want
  want=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
  run --version
  local status=$?
  if [ "$status" != 0 ]; then
    failed "$1 --version" "exit $status, $(last out err)"
  elif [ "$(tr -d '\r' <out)" != "$want" ]; then
    failed "$1 --version" "it says '$(last out)', not '$want'"
  else
    ok "$1 --version"
  fi
}

# check_json NAME EXPRESSION ARG... : the command exits 0 and EXPRESSION holds for its JSON, `r`.
check_json() {
  local name=$1 expression=$2 status
  shift 2
  run "$@"
  status=$?
  if [ "$status" != 0 ]; then
    failed "$name" "exit $status, $(last out err)"
  elif ! node -e 'const r = JSON.parse(require("fs").readFileSync("out", "utf8"));
      if (!('"$expression"')) throw "no"' 2>/dev/null; then
    failed "$name" "not so: $expression in $(head -c 300 out)"
  else
    ok "$name"
  fi
}

stress=(stress -c 5 -n 200 --json)
verified="r.messages.verified >= 200 && r.messages.mismatched === 0 && r.messages.lost === 0"

# check_served NAME : stress in one process against serve in another, which then ends by SIGTERM.
check_served() {
  # `timeout` hands SIGTERM on, and kills what has not ended 20 s later. In the foreground, because
  # otherwise it would signal twice, and the second SIGTERM means: do not drain.
  timeout --foreground -k 20 "$limit" "${emulator[@]}" serve --host 127.0.0.1 --port 0 \
    >serve.out 2>serve.err </dev/null &
  server=$!
  local port="" status tries
  for ((tries = 0; tries < 300; tries++)); do
    port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' serve.out)
    if [ -n "$port" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if [ -z "$port" ]; then
    failed "$1 serve" "it is not listening: $(last serve.out serve.err)"
    return
  fi
  check_json "$1 serve and stress" "$verified" "${stress[@]}" "127.0.0.1:$port"
  echo hello | timeout -k 5 "$limit" "${emulator[@]}" client "127.0.0.1:$port" >out 2>err
  if [ "$(cat out)" = hello ]; then ok "$1 client"; else failed "$1 client" "$(last out err)"; fi
  kill -TERM "$server"
  wait "$server"
  status=$?
  server=""
  if [ "$status" = 0 ]; then
    ok "$1 serve ends on SIGTERM"
  else
    failed "$1 serve ends on SIGTERM" "exit $status, $(last serve.err)"
  fi
}

# smoke NAME ARCH : what is expected of a binary on a Linux of its own: every command once.
smoke() {
  check_version "$1"
  check_json "$1 info" "r.arch === '$2' && r.selectors.some((s) => s.available)" info --json
  check_json "$1 stress in workers" "$verified" "${stress[@]}" --workers 2 -o result.json
  check_json "$1 report" "$verified" report result.json --json
  check_json "$1 probe" "r.verdict === 'pass'" probe half-close --json
  check_served "$1"
}
