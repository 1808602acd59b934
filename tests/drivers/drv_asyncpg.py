"""asyncpg: everything binary, prepared statements, cursors, transactions, errors, cancel. argv: host port user db"""
import asyncio
import sys

import asyncpg

host, port, user, db = sys.argv[1:5]


async def main():
    c = await asyncpg.connect(host=host, port=int(port), user=user, database=db, password='any', statement_cache_size=10)
    for i in (1, 2, 3):
        assert await c.fetchval('select id from orders where id = $1', i) == i
    st = await c.prepare('select id, total, created from orders where id = any($1::int[]) order by id')
    rows = await st.fetch([5, 6])
    assert [r['id'] for r in rows] == [5, 6]
    email = await c.fetchval('select email from customers where id = $1', 1)
    assert '***' in email, email
    async with c.transaction():
        await c.execute('insert into notes (body) values ($1)', 'asyncpg')
        n = 0
        async for _ in c.cursor('select id from orders order by id limit 100'):
            n += 1
        assert n == 100
    try:
        async with c.transaction():
            await c.execute('insert into notes (body) values ($1)', 'gone2')
            await c.fetchval('select 1/0')
        raise SystemExit('no error')
    except asyncpg.DivisionByZeroError:
        pass
    assert await c.fetchval("select count(*) from notes where body = 'gone2'") == 0
    try:
        await c.execute("copy notes to program 'true'")
        raise SystemExit('no refusal')
    except asyncpg.InsufficientPrivilegeError as e:
        assert 'refused' in str(e), e
    try:
        await c.fetchval('select pg_sleep(20)', timeout=0.5)
        raise SystemExit('not cancelled')
    except asyncio.TimeoutError:
        pass
    assert await c.fetchval('select 7') == 7
    await c.close()
    print('ok - asyncpg %s' % asyncpg.__version__)


asyncio.run(main())
