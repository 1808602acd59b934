#!/bin/bash
# Answers a device login at the provider of tests/idp/oidc-provider as a person with a browser would.
# Usage: approve.sh [--no | --no-at-device] [--cacert FILE] URL CODE USER
#   URL                the verification page as the gateway shows it (with or without the code in it)
#   --no               signs in, then disagrees; --no-at-device: says that it is not the person's device
set -u
answer=yes device=yes
tls=()
while :; do
    case ${1:-} in
    --no) answer=no && shift ;;
    --no-at-device) device=no && shift ;;
    --cacert) tls=(--cacert "$2") && shift 2 ;;
    *) break ;;
    esac
done
[ $# -eq 3 ] || {
    sed -n '3,6s/^# //p' "$0" >&2
    exit 2
}
code=$2 user=$3
jar=$(mktemp)
page=$(mktemp)
trap 'rm -f "$jar" "$page"' EXIT
site=${1%%\?*}
get() { # ARGS...: a request and its redirects; the address where it ended
    curl -sS -m 30 -L "${tls[@]}" -b "$jar" -c "$jar" -o "$page" -w '%{url_effective}' "$@"
}
title() { sed -n 's/.*<h1>\(.*\)<\/h1>.*/\1/p' "$page"; }
give_up() {
    echo "approve.sh: $1: $(title)" >&2
    exit 1
}
get "$site" > /dev/null || exit 1
xsrf=$(sed -n 's/.*name="xsrf" value="\([^"]*\)".*/\1/p' "$page")
[ -n "$xsrf" ] || give_up "no form"
get -d "xsrf=$xsrf" --data-urlencode "user_code=$code" "$site" > /dev/null
grep -q 'Is this your device' "$page" || give_up "the code was not taken"
if [ "$device" = no ]; then
    get -d "xsrf=$xsrf" --data-urlencode "user_code=$code" -d abort=yes "$site" > /dev/null
    exit 0
fi
at=$(get -d "xsrf=$xsrf" --data-urlencode "user_code=$code" -d confirm=yes "$site")
[ "$(title)" = "Sign in" ] || give_up "no page to sign in"
at=$(get -d answer=yes --data-urlencode "login=$user" "$at")
[ "$(title)" = "Do you agree?" ] || give_up "not signed in as $user"
get -d "answer=$answer" "$at" > /dev/null
[ "$answer" = no ] || [ "$(title)" = "Signed in" ] || give_up "it did not end well"
