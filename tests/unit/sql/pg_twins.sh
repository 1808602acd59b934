#!/bin/sh
# Do two databases that differ in sensitive values only answer alike? Random statements on a real server.
exec "$(dirname "$0")/../../support/on-postgres.sh" tests/unit/sql/pg_twins
