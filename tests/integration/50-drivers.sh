#!/bin/bash
# pgjdbc, asyncpg, psycopg and node-pg through ssh -L: prepared statements, binary results, transactions, errors,
# cancel, refusals, masking.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
port=$(forward_tcp alice)
here=$(cd "$(dirname "$0")/../drivers" && pwd)
args="127.0.0.1 $port $SP_PG_USER $SP_PG_DB"

one() { # NAME COMMAND: prints its own "ok" line
    timeout 120 bash -c "$2" > "$LAB/$1.out" 2>&1 && grep -q '^ok ' "$LAB/$1.out" && { grep '^ok ' "$LAB/$1.out"; return; }
    not_ok "$1"
    tail -25 "$LAB/$1.out" | sed 's/^/# /'
}
one psycopg "/usr/bin/python3 $here/drv_psycopg.py $args"
one asyncpg "/usr/bin/python3 $here/drv_asyncpg.py $args"
one pgjdbc "cd $LAB && javac -d . -cp /usr/share/java/postgresql.jar $here/Drv.java && java -cp .:/usr/share/java/postgresql.jar Drv $args"
if [ -d /usr/share/nodejs/pg ]; then
    one node-pg "NODE_PATH=/usr/share/nodejs node $here/drv_node.js $args"
elif command -v npm > /dev/null && (mkdir -p "$LAB/npm" && cd "$LAB/npm" && npm install --no-audit --no-fund --silent pg > npm.out 2>&1); then
    one node-pg "NODE_PG=$LAB/npm/node_modules/pg node $here/drv_node.js $args"
else
    skip "node-pg: neither Debian's package nor npm's is to be had"
fi
lab_down
