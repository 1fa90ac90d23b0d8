# shellcheck shell=bash disable=SC2154 # root, scratch and emulator are of lib.sh and the script
# Sourced after lib.sh: runs the test suites on a runtime made for another system.

# What a machine or a C library could do otherwise: calls, numbers and layouts of structs, and the contract
# of selectors on them. What is above them, or plain computation, is the same as on the machine of `npm test`.
suites=(
  tests/sys/{clock,errno,ffi,kernel,linux,pollable,posix,process/spawn}_test.ts
  tests/selectors/{selectors,readiness,epoll}_test.ts
  tests/net/{blocking,datagram,listen,peer,reset,socket}_test.ts
  tests/engine/uring_test.ts
)

# suite WHAT RUNNER PACKAGE FILE ARG... : runs tests by the executable FILE of PACKAGE, in the version
# that toolchain/ has locked, under the emulator; ARG are the runner's, above all which tests. Prints
# all that it prints, because its closing lines are what .ci/run counts.
suite() {
  local name="$1 $2" runner=$2 package=$3 file=$4 executable status
  shift 4
  local fetch=(node "$root/toolchain/run.mjs" bun "$root/scripts/locked_file.ts")
  if ! executable=$("${fetch[@]}" "$package" "$file" 2>fetch.err); then
    failed "$name" "$(last fetch.err)"
    return
  fi
  # Tests that start a process of their own need one executable to start.
  printf '#!/bin/sh\nexec %s "$@"\n' "${emulator[*]} $executable" >"$runner"
  chmod +x "$runner"
  local run=("$scratch/$runner")
  case $runner in
    bun) run+=(test --timeout 60000) ;;
    deno) run+=(test -P --no-check) ;;
    # In one process: --test would start the others without the emulator.
    node) run+=(--no-warnings --import ./tests/support/node_hooks.mjs --test --test-isolation=none) ;;
  esac
  (
    cd "$root" || exit
    export IOMUX_TEST_EXECUTABLE=$scratch/$runner
    exec timeout -k 5 500 "${run[@]}" "$@" </dev/null 2>&1
  )
  status=$?
  echo
  if [ "$status" = 0 ]; then ok "$name tests"; else failed "$name tests" "exit $status"; fi
}
