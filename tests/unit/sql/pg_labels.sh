#!/bin/sh
# Do we call output columns as the server does? Thousands of expressions on a real server.
exec "$(dirname "$0")/../../support/on-postgres.sh" tests/unit/sql/pg_labels
