#!/usr/bin/env bash
# Tries dist/iomux-linux-arm64 on an x64 machine, by qemu's user-mode emulation.
# shellcheck source=scripts/cross/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_binary arm64 iomux-linux-arm64
need arm64 qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross

emulator=(qemu-aarch64-static -L /usr/aarch64-linux-gnu "$root/dist/iomux-linux-arm64")
smoke arm64 arm64
