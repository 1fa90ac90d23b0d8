# shellcheck shell=bash disable=SC2030,SC2031 # `beside` counts in lanes, and adds that up
# The bookkeeping of .ci/run: steps, the seconds they take, and what they add to the total.
set -u

passed=0
failed=0
# Seconds for everything together. 720 are the aim on two cores; what reaches this hangs, and is ended.
budget=3000
log=$(mktemp)
unrun=$(mktemp) # what could not be run, with the reason: all such lines of all steps
wrong=$(mktemp) # what failed, as told by the runners: the end of the output has it once more
lanes=$(mktemp -d) # what the lanes of `beside` leave
trap 'rm -rf "$log" "$unrun" "$wrong" "$lanes"' EXIT
trap 'stop_lanes; exit 130' INT
trap 'stop_lanes; exit 143' TERM

# run NAME COMMAND... : runs it and prints how that went; leaves its output in $log and its exit
# status in $status. 77 means that it could not be run here. Of lines `not run: WHAT: WHY` in its
# output there is a list at the end, whatever its status.
# The output goes to a file, not through a pipe, which any process left behind would keep open.
run() {
  local name=$1 start=$SECONDS
  shift
  printf '\n--- %s: %s\n' "$name" "$*"
  timeout -k 10 $((budget > start ? budget - start : 1)) "$@" >"$log" 2>&1 </dev/null
  status=$?
  if [ "$status" = 0 ]; then tail -n 12 "$log"; else cat "$log"; fi
  local took=$((SECONDS - start)) lines
  lines=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | tr -d '\r' | sed -n 's/^ *not run: //p' | sort -u)
  [ -z "$lines" ] || echo "$name: ${lines//$'\n'/$'\n'$name: }" >>"$unrun"
  if [ "$status" != 0 ] && [ "$status" != 77 ]; then failures "$name" >>"$wrong"; fi
  case $status in
    0) echo "--- $name: passed, $took s" ;;
    77) echo "--- $name: not run, $took s ($(paste -sd ';' <<<"$lines"))" ;;
    *) echo "--- $name: FAILED, $took s (exit status $status)" ;;
  esac
}

# failures NAME : what $log says of failing tests (of `npm test` all below its table, of Bun's with the
# lines before, of the others' with those after), else its last lines.
failures() {
  local plain
  plain=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | tr -d '\r')
  printf '\n--- failed: %s\n' "$1"
  {
    sed -nE '/^all( +[0-9.]+){4}$/,$p' <<<"$plain"
    grep -B 14 '^(fail)' <<<"$plain"
    grep -A 16 -E '^(✖ failing tests:| ERRORS )|^.* => \./.*:[0-9]+:[0-9]+$' <<<"$plain"
  } | tail -n 80 | grep . || tail -n 15 <<<"$plain"
}

# step NAME COMMAND... : counts as one.
step() {
  run "$@"
  case $status in
    0) passed=$((passed + 1)) ;;
    77) ;;
    *) failed=$((failed + 1)) ;;
  esac
}

# number PATTERN : what the group of PATTERN matches in the last line of $log where it does.
number() { sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -nE "s/$1/\\1/p" | tail -n 1; }

# count RUNNER : adds the figures of that test runner's closing lines in $log. Returns 1, with
# nothing added, when there are none, because it did not run or did not reach its end.
count() {
  local pass fail
  case $1 in
    suite) pass='^all +([0-9]+)( +[0-9.]+){3}$' fail='^all +[0-9]+ +([0-9]+)( +[0-9.]+){2}$' ;;
    bun) pass='^ *([0-9]+) pass$' fail='^ *([0-9]+) fail$' ;;
    deno)
      pass='^[okFAILED]+ \| ([0-9]+) passed .*'
      fail='^[okFAILED]+ \| [0-9]+ passed .*\| ([0-9]+) failed.*'
      ;;
    node) pass='^[^a-z0-9]+pass ([0-9]+)$' fail='^[^a-z0-9]+fail ([0-9]+)$' ;;
  esac
  pass=$(number "$pass")
  fail=$(number "$fail")
  if [ -z "$pass" ] || [ -z "$fail" ]; then return 1; fi
  echo "$1: $pass passed, $fail failed"
  passed=$((passed + pass))
  failed=$((failed + fail))
}

# tests NAME "RUNNER..." COMMAND... : counts as many as these test runners say, and leaves in $missing
# those that were not heard of.
tests() {
  local name=$1 runners=$2 runner before=$failed
  shift 2
  run "$name" "$@"
  missing=""
  if [ "$status" = 77 ]; then return; fi
  for runner in $runners; do count "$runner" || missing="$missing $runner"; done
  # A crash outside of any test is in nobody's figures, nor is a runner that found no tests.
  if [ "$failed" = "$before" ] && [ "$status$missing" != 0 ]; then failed=$((failed + 1)); fi
}

# beside LANE... : runs these functions, which consist of steps, at the same time. Each one's output is
# printed in one piece, in the order of the lanes, and its figures are added to the total.
beside() {
  local lane files pids=() lane_passed lane_failed
  files=$(mktemp -d "$lanes/XXXXXX")
  for lane in "$@"; do
    (
      passed=0 failed=0
      log=$files/$lane.log unrun=$files/$lane.unrun wrong=$files/$lane.wrong
      : >"$unrun" && : >"$wrong"
      "$lane"
      echo "$passed $failed" >"$files/$lane.figures"
    ) >"$files/$lane.out" 2>&1 &
    pids+=($!)
  done
  for lane in "$@"; do
    wait "${pids[0]}"
    pids=("${pids[@]:1}")
    cat "$files/$lane.out"
    cat "$files/$lane.unrun" >>"$unrun"
    cat "$files/$lane.wrong" >>"$wrong"
    lane_passed=0 lane_failed=1 # unless it has come to its end
    [ ! -f "$files/$lane.figures" ] || read -r lane_passed lane_failed <"$files/$lane.figures"
    passed=$((passed + lane_passed))
    failed=$((failed + lane_failed))
  done
}

# What runs in lanes is told of no signal otherwise.
stop_lanes() {
  local pid
  for pid in $(jobs -p); do pkill -TERM -P "$pid"; done
}

# not_run NAME WHY : for what no step even tries.
not_run() { echo "$1: $2" >>"$unrun"; }

total() {
  if [ -s "$unrun" ]; then printf '\n--- not run\n' && sed 's/^/not run: /' "$unrun"; fi
  cat "$wrong"
  printf '\n%s s in all\n' "$SECONDS"
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" = 0 ]
}
