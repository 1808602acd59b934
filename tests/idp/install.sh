#!/bin/sh
# Installs the packages of tests/idp/oidc-provider into a cache, once per version of its lock file, and prints where they are.
# Usage: tests/idp/install.sh      (cache: $SP_IDP_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/sallyport-tests)
set -eu
here=$(cd "$(dirname "$0")/oidc-provider" && pwd)
cache=${SP_IDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport-tests}
dir=$cache/idp-$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-16)
if [ ! -e "$dir/complete" ]; then
    command -v npm > /dev/null 2>&1 || {
        echo "tests/idp/install.sh: there is no npm; share/install-deps.sh test installs it" >&2
        exit 1
    }
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    cp "$here/package.json" "$here/package-lock.json" "$new/"
    (cd "$new" && npm ci --ignore-scripts --no-audit --no-fund) > "$new/npm.log" 2>&1 || {
        tail -20 "$new/npm.log" >&2
        echo "tests/idp/install.sh: npm could not install the packages of tests/idp/oidc-provider" >&2
        exit 1
    }
    touch "$new/complete"
    chmod 755 "$new"
    # Another run may have been faster.
    mv -T "$new" "$dir" 2> /dev/null || [ -e "$dir/complete" ]
fi
echo "$dir"
