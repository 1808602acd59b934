// node-pg: text and prepared queries, pool, transactions, errors, cancel. argv: host port user db
const { Client, Pool } = require(process.env.NODE_PG || 'pg');
const assert = require('assert');
const [host, port, user, database] = process.argv.slice(2);
const conf = { host, port: Number(port), user, database, password: 'any' };

// Old releases (8.8 of Debian 12) announce one result format and forget to send it; PostgreSQL refuses such a message, too.
function asksForBinary() {
  const from = [require.resolve(process.env.NODE_PG || 'pg')];
  const { serialize } = require(require.resolve('pg-protocol', { paths: from }));
  return serialize.bind({ binary: true }).subarray(-4).equals(Buffer.from([0, 1, 0, 1]));
}

(async () => {
  const c = new Client(conf);
  await c.connect();
  for (let i = 1; i < 4; i++) {
    const r = await c.query({ name: 'by-id', text: 'select id, total from orders where id = $1', values: [i] });
    assert.strictEqual(r.rows[0].id, i);
  }
  const m = await c.query('select email from customers where id = $1', [1]);
  assert(m.rows[0].email.includes('***'), m.rows[0].email);
  if (asksForBinary()) {
    const b = await c.query({ text: 'select quantity from orders where id = $1', values: [1], binary: true });
    assert(b.rows.length === 1);
  }
  await c.query('begin');
  await c.query('insert into notes (body) values ($1)', ['gone4']);
  await assert.rejects(c.query("copy notes to program 'true'"), (e) => e.code === '42501' && /refused/.test(e.message));
  await c.query('rollback');
  assert.strictEqual((await c.query("select count(*)::int as n from notes where body = 'gone4'")).rows[0].n, 0);
  await assert.rejects(c.query('select 1/0'), (e) => e.code === '22012');
  const t0 = Date.now();
  const slow = c.query('select pg_sleep(20)').catch((e) => e);
  setTimeout(() => { const k = new Client(conf); k.cancel(c, c.activeQuery || c._activeQuery); }, 500);
  const e = await slow;
  assert.strictEqual(e.code, '57014');
  assert(Date.now() - t0 < 5000);
  await c.end();
  const pool = new Pool({ ...conf, max: 5 });
  const all = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((i) => pool.query('select $1::int as i', [i])));
  assert.deepStrictEqual(all.map((r) => r.rows[0].i), [1, 2, 3, 4, 5, 6, 7, 8]);
  await pool.end();
  console.log('ok - node-pg ' + require((process.env.NODE_PG || 'pg') + '/package.json').version);
})().catch((e) => { console.log('not ok - node-pg: ' + e.stack); process.exit(1); });
