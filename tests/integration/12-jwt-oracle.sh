#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Another implementation as the judge: tokens made by python's PyJWT with every algorithm are accepted, and of many thousand that
# were damaged or put together wrongly none is accepted that PyJWT refuses. Runs from the build directory.
check=${SP_BUILD:-.}/tests/support/jwt-check
python=
for p in python3 /usr/bin/python3; do # another python3 may hide Debian's
    [ -n "$python" ] || ! "$p" -c 'import jwt, cryptography' 2> /dev/null || python=$p
done
if [ -z "$python" ]; then
    echo "1..0 # SKIP needs python3-jwt and python3-cryptography"
    exit 0
fi
[ -x "$check" ] || { echo "Bail out! $check is not built"; exit 1; }
exec "$python" "$(dirname "$0")/../support/jwt_oracle.py" "$check"
