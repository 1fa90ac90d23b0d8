#!/usr/bin/env bash
# Tries dist/iomux-windows-x64.exe under Wine. Sockets are not supported on Windows yet, so beyond
# --version the one thing expected is that `serve` says so and ends.
# shellcheck source=scripts/cross/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_binary windows iomux-windows-x64.exe
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
if ! { x86_64-w64-mingw32-gcc -O1 -s -shared -o bcryptprimitives.dll bcryptprimitives.c -ladvapi32 &&
  timeout 180 "$wine" wineboot -i && cp bcryptprimitives.dll wine/drive_c/windows/system32/; } \
  >wine.log 2>&1 </dev/null; then
  not_run windows "cannot set Wine up: $(last wine.log)"
  exit
fi

emulator=("$wine" "$root/dist/iomux-windows-x64.exe")
check_version windows

limit=30
run serve --port 0
status=$?
if [ "$status" = 0 ] || [ "$status" -ge 124 ]; then
  failed "windows serve" "exit $status: it should say that it cannot"
elif [ "$(cat out err | grep -c .)" != 1 ]; then
  failed "windows serve" "not one clear line: $(cat out err | head -c 300)"
else
  ok "windows serve ($(last out err | tr -d '\r'))"
fi
