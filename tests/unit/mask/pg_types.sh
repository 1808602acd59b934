#!/bin/sh
# Are masks valid values of their types? The server's input functions are the judge.
exec "$(dirname "$0")/../../support/on-postgres.sh" tests/unit/mask/pg_types
