#!/usr/bin/env bash
# Installs Debian packages that are missing: packages.sh NAME... Exits 77 where nothing can be installed.
# One package that can't be had costs the others nothing. Servers among them are not started.
set -u

missing=()
for name in "$@"; do dpkg -s "$name" >/dev/null 2>&1 || missing+=("$name"); done
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "not run: apt-get install ${missing[*]}: it takes root on Debian"
  exit 77
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
# Several of these may run at a time.
apt=(apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120)
# The package lists of a fresh machine are empty or old; an update is only worth it then.
"${apt[@]}" install "${missing[@]}" >/dev/null 2>&1 && exit
"${apt[@]}" update
"${apt[@]}" install "${missing[@]}" && exit
for name in "${missing[@]}"; do
  "${apt[@]}" install "$name" >/dev/null || echo "not run: $name: apt-get cannot install it"
done
