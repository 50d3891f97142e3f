#!/usr/bin/env bash
# Installs what the tests need on Debian 12: servers, a browser, an independent code generator, a
# C compiler for the race detector, and axe-core. What is there already is left alone. Services
# are not started here; the tests start their own, on loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(slapd slapd-contrib ldap-utils 389-ds-base libnss3-tools samba samba-ad-provision samba-dsdb-modules postgresql-15 chromium oathtool openssl gcc libc6-dev fonts-dejavu-core ca-certificates)
command -v npm >/dev/null || packages+=(npm)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
if ((${#missing[@]})); then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  echo "installing: ${missing[*]}"
  # Debian starts a freshly installed server unless a policy says no; these are for tests only.
  policy=/usr/sbin/policy-rc.d
  made=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    made=1
  fi
  "${as_root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
  [ "$made" = 0 ] || "${as_root[@]}" rm -f "$policy"
  # Samba's file server would come with the next boot, on all addresses.
  if [[ " ${missing[*]} " = *" samba "* ]] && command -v systemctl >/dev/null; then
    "${as_root[@]}" systemctl disable --quiet smbd.service nmbd.service
  fi
fi

# axe-core checks the pages for accessibility; it is used by tests only and never shipped.
axe=4.14.1
if [ ! -f "bin/axe/node_modules/axe-core/axe.min.js" ] || ! grep -q "\"version\": \"$axe\"" bin/axe/node_modules/axe-core/package.json; then
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix bin/axe "axe-core@$axe"
fi
