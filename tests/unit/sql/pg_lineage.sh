#!/bin/sh
# Does a column that lineage calls clean ever show a sensitive value? Random statements on a real server.
exec "$(dirname "$0")/../../support/on-postgres.sh" tests/unit/sql/pg_lineage
