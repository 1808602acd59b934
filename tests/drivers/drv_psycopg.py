"""psycopg 3: prepared statements, binary results, pipeline, transactions, errors, cancel. argv: host port user db"""
import sys
import threading
import time

import psycopg

host, port, user, db = sys.argv[1:5]
c = psycopg.connect(host=host, port=port, user=user, dbname=db, password='any', autocommit=True, prepare_threshold=0)
cur = c.cursor(binary=True)
for i in range(1, 4):
    assert cur.execute('select id, quantity, total from orders where id = %s', (i,)).fetchone()[0] == i
assert c.execute('select %s::int + 1', (41,)).fetchone()[0] == 42
row = c.execute('select email from customers where id = %s', (1,)).fetchone()
assert '***' in row[0], row
with c.transaction():
    c.execute('insert into notes (body) values (%s)', ('psycopg',))
try:
    with c.transaction():
        c.execute('insert into notes (body) values (%s)', ('gone',))
        c.execute('select 1/0')
    raise SystemExit('no error')
except psycopg.errors.DivisionByZero:
    pass
assert c.execute("select count(*) from notes where body = 'gone'").fetchone()[0] == 0
with c.pipeline():
    a = c.execute('select 1')
    b = c.execute('select 2')
assert (a.fetchone()[0], b.fetchone()[0]) == (1, 2)
# A refusal inside a pipeline leaves nothing behind.
try:
    with c.pipeline(), c.transaction():
        c.execute("insert into notes (body) values ('pipe')")
        c.execute("copy notes to program 'true'")
        c.execute("insert into notes (body) values ('pipe')")
    raise SystemExit('refusal did not raise')
except psycopg.errors.InsufficientPrivilege as e:
    assert 'refused' in str(e), e
assert c.execute("select count(*) from notes where body = 'pipe'").fetchone()[0] == 0
with c.cursor(name='srv') as s:
    pass
with c.transaction():
    with psycopg.ServerCursor(c, 'srv2') as s:
        s.execute('select id from orders order by id')
        assert s.fetchmany(3) == [(1,), (2,), (3,)]
t = threading.Thread(target=lambda: (time.sleep(0.5), c.cancel()))
t.start()
t0 = time.time()
try:
    c.execute('select pg_sleep(20)')
    raise SystemExit('not cancelled')
except psycopg.errors.QueryCanceled:
    pass
assert time.time() - t0 < 5
t.join()
assert c.execute('select 7').fetchone()[0] == 7
print('ok - psycopg %s' % psycopg.__version__)
