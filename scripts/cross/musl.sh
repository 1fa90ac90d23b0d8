#!/usr/bin/env bash
# linux-x64-musl with musl's own loader on a glibc machine: tries dist/iomux-linux-x64-musl, or with
# the argument `suites` runs the test suites on Bun. Debian's libstdc++ and libgcc_s were linked against
# glibc, so a shim supplies the few symbols of it that musl lacks. On Alpine, where both libraries come
# from `apk add libstdc++ libgcc`, none of this is needed.
# shellcheck source=scripts/cross/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need musl musl musl-tools gcc libstdc++6 libgcc-s1

cat >shim.c <<'C'
char __libc_single_threaded = 0;

unsigned arc4random(void) {
  unsigned x;
  getrandom(&x, sizeof x, 0);
  return x;
}

size_t __strftime_l(char *s, size_t n, const char *format, const struct tm *t, locale_t l) {
  return strftime_l(s, n, format, t, l);
}

/* Remembered but never run: the process ends with its threads, and their memory with it. */
struct destructor { void (*run)(void *); void *object; struct destructor *next; };
static _Thread_local struct destructor *destructors;
int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *dso) {
  struct destructor *d = malloc(sizeof *d);
  *d = (struct destructor){run, object, destructors};
  destructors = d;
  return 0;
}

int _dl_find_object(void *address, void *result) { return -1; }
int __cpu_indicator_init(void) { return 0; }
struct { unsigned a, b, c, d[1]; } __cpu_model;
C
includes=()
for header in stddef stdlib time locale sys/random; do includes+=(-include "$header.h"); done
: >empty.c
# libstdc++ also asks for glibc's loader by name; an empty library of that name satisfies it.
if ! { musl-gcc "${includes[@]}" -shared -fPIC -o shim.so shim.c &&
  musl-gcc -shared -fPIC -o ld-linux-x86-64.so.2 empty.c; } >gcc.log 2>&1; then
  not_run musl "cannot build the shim: $(last gcc.log)"
  exit
fi
ln -s /lib/x86_64-linux-gnu/libgcc_s.so.1 .
for folder in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu; do
  [ -e libstdc++.so.6 ] || ln -s "$folder/libstdc++.so.6" .
done

emulator=(/lib/ld-musl-x86_64.so.1 --preload "$scratch/shim.so" --library-path "$scratch")
if [ "${1:-}" = suites ]; then
  # shellcheck source=scripts/cross/suites.sh
  . "$root/scripts/cross/suites.sh"
  suite musl bun @oven/bun-linux-x64-musl bin/bun "${suites[@]}"
  absent "musl deno" "Deno is not made for musl"
  absent "musl node" "no Node for musl is among the packages of toolchain/"
else
  need_binary musl iomux-linux-x64-musl
  emulator+=("$root/dist/iomux-linux-x64-musl")
  smoke musl x64
fi
