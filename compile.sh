#!/bin/sh
# Builds self-contained executables into dist/: compile.sh [all|host|TARGET...]
#   host (the default)  dist/iomux, for this machine
#   TARGET              dist/iomux-TARGET, one or more of the list below
#   all                 both of the above
# Needs node and npm; everything else comes from the npm registry. With BUN_BASE_DIR set, the base
# executables of the targets are taken from that folder (bun-TARGET, on Windows bun-TARGET.exe).
set -eu

targets="linux-x64 linux-arm64 linux-x64-musl linux-arm64-musl darwin-arm64 darwin-x64 windows-x64 windows-arm64"

fail() {
  echo "compile.sh: $2" >&2
  exit "$1"
}

wanted=""
for arg in "${@:-host}"; do
  case " all host $targets " in
    *" $arg "*) ;;
    *) fail 2 "unknown target '$arg' (one of: all host $targets)" ;;
  esac
  if [ "$arg" = all ]; then wanted="$wanted host $targets"; else wanted="$wanted $arg"; fi
done

if [ -n "${BUN_BASE_DIR:-}" ]; then
  BUN_BASE_DIR=$(cd "$BUN_BASE_DIR" 2>/dev/null && pwd) || fail 1 "BUN_BASE_DIR is not a folder"
  export BUN_BASE_DIR
fi
cd "$(dirname "$0")"

# Another version of Bun would build something that was never tested, so only the pinned one will do.
pinned=$(sed -n 's/.*"@oven\/bun-linux-x64": "\(.*\)".*/\1/p' toolchain/package.json)
if [ "$(bun --version 2>/dev/null)" != "$pinned" ]; then
  [ -z "${COMPILE_REEXEC:-}" ] || fail 1 "bun $pinned is not in toolchain/node_modules"
  # shellcheck disable=SC2086 # the checked target names are meant to split
  COMPILE_REEXEC=1 exec node toolchain/run.mjs sh compile.sh $wanted
fi
[ -d node_modules ] || npm ci --include=dev --ignore-scripts --no-audit --no-fund >&2

# Each file is built aside and moved into place, so that a running dist/iomux can be replaced and an
# interrupted build leaves no half-written one. The folder also takes Bun's stray .map files with it.
mkdir -p dist
scratch=$(mktemp -d dist/.building.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# build NAME TARGET [BUN-OPTION...]
build() {
  name=$1 target=$2
  shift 2
  # ESM, because bytecode without it means CommonJS, which writes the path of this checkout into
  # import.meta.url: Workers would then be loaded from here, and from nowhere else.
  bun build --compile --minify --bytecode --format=esm --splitting --sourcemap=inline \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
    "$@" ./main.ts --outfile "$scratch/$name" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    fail 1 "cannot build $name"
  }
  case $target in
    # Bun leaves its own, now wrong, signature in x64 files for macOS, which refuses to run them.
    darwin-x64) bun scripts/adhoc_sign.ts "$scratch/$name" iomux ;;
  esac
  case $target in
    darwin-*) bun scripts/adhoc_sign.ts --verify "$scratch/$name" ;;
  esac
  mv "$scratch/$name" "dist/$name"
  echo "dist/$name $(wc -c <"dist/$name" | tr -d ' ') bytes"
}

# A binary that needs anything of the checkout must fail here, not on somebody else's machine.
try_alone() {
  alone=$(mktemp -d)
  cp "dist/$1" "$alone/"
  version=$(cd "$alone" && "./$1" --version) || version="exit status $?"
  rm -rf "$alone"
  wanted_version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
  case $version in
    *"$wanted_version"*) ;;
    *) fail 1 "dist/$1 --version does not work outside of the checkout: $version" ;;
  esac
}

for target in $wanted; do
  case $target in
    host)
      case $(uname -sm) in
        "Darwin x86_64") build iomux darwin-x64 ;;
        MINGW* | MSYS* | CYGWIN*) build iomux.exe windows ;;
        *) build iomux host ;;
      esac
      try_alone "$name"
      ;;
    *)
      base=$(bun scripts/base_executable.ts "$target" "$pinned")
      case $target in
        windows-*) file=iomux-$target.exe ;;
        *) file=iomux-$target ;;
      esac
      build "$file" "$target" "--target=bun-$target" "--compile-executable-path=$base"
      ;;
  esac
done

# By Bun, whose implementation is many times as fast as that of sha256sum(1).
sum='for (const name of process.argv.slice(1)) {
  const bytes = await Bun.file(name).bytes();
  console.log(`${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}  ${name}`);
}'
(cd dist && bun -e "$sum" iomux*) >"$scratch/SHA256SUMS"
mv "$scratch/SHA256SUMS" dist/SHA256SUMS
