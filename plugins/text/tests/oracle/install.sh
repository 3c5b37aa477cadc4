#!/bin/sh
# Installs the oracle's npm packages, at the versions of package.json, into the folder given; does nothing where they are.
set -eu
here=$(dirname "$0")
mkdir -p "$1"
if cmp -s "$here/package.json" "$1/package.json" && [ -d "$1/node_modules/tokenizers" ]; then exit 0; fi
command -v npm >/dev/null || { echo "the tokenizers' oracle needs npm: apt-get install npm" >&2; exit 1; }
cp "$here/package.json" "$1/package.json.new"
rm -f "$1/package.json"
cp "$1/package.json.new" "$1/package.json"
npm install --prefix "$1" --no-audit --no-fund --no-package-lock >"$1/npm.log" 2>&1 || { cat "$1/npm.log" >&2; rm -f "$1/package.json"; exit 1; }
