# SPDX-License-Identifier: Apache-2.0
#
# For tests/integration/37-startup.sh: each setting by SET in a session, and in every spelling at the start. A start passes
# where SET passes and nowhere else, and SHOW then says what it says on a direct connection with the same start.
#   startup_test.py PORT DIRECT-PORT
import socket
import struct
import sys

PORT, DIRECT = int(sys.argv[1]), int(sys.argv[2])

# name, value: what daily work sets, and what nobody may.
SETTINGS = [x.split('=', 1) for x in '''DateStyle=ISO
DateStyle=German, DMY
TimeZone=UTC
TimeZone=Europe/Berlin
TimeZone=-3
IntervalStyle=iso_8601
extra_float_digits=3
bytea_output=escape
statement_timeout=30000
statement_timeout=5min
lock_timeout=1s
idle_in_transaction_session_timeout=10min
idle_session_timeout=0
tcp_user_timeout=0
default_statistics_target=50
work_mem=16MB
maintenance_work_mem=64MB
temp_buffers=8MB
jit=off
jit=0
geqo=off
enable_seqscan=off
enable_nestloop=no
random_page_cost=1.1
effective_cache_size=1GB
synchronous_commit=local
default_transaction_isolation=serializable
default_transaction_isolation=repeatable read
default_transaction_read_only=on
default_transaction_deferrable=on
plan_cache_mode=force_custom_plan
client_min_messages=warning
client_min_messages=error
client_min_messages=notice
client_min_messages=debug
client_min_messages=debug1
client_min_messages=DEBUG5
search_path=public
search_path="$user", public
search_path=pg_catalog, public
search_path=public, pg_catalog
search_path=public,pg_catalog
search_path=public, "pg_catalog"
search_path="public",PG_CATALOG
search_path=a, b , pg_Catalog
search_path="a b", "c\\d"
xmloption=content
array_nulls=on
check_function_bodies=off
constraint_exclusion=partition
cursor_tuple_fraction=0.5
default_text_search_config=pg_catalog.simple
escape_string_warning=off
quote_all_identifiers=on
gin_fuzzy_search_limit=10
max_parallel_workers_per_gather=0
standard_conforming_strings=on
standard_conforming_strings=off
backslash_quote=on
backslash_quote=safe_encoding
client_encoding=UTF8
client_encoding=utf-8
client_encoding=LATIN1
client_encoding=SJIS
role=none
role=postgres
session_authorization=postgres
row_security=off
row_security=on
session_replication_role=replica
log_statement=none
log_min_messages=panic
log_min_duration_statement=0
track_activities=off
allow_system_table_mods=on
ignore_system_indexes=on
zero_damaged_pages=on
local_preload_libraries=x
session_preload_libraries=x
dynamic_library_path=/tmp
my.var=1
pgaudit.log=none
plpgsql.extra_warnings=all
password_encryption=md5
nosuchsetting=1'''.split('\n')]


class Conn:
    def __init__(self, port, pairs):
        self.s = socket.create_connection(('127.0.0.1', port))
        self.s.settimeout(30)
        self.f = self.s.makefile('rb')
        b = b''.join(n.encode() + b'\0' + v.encode() + b'\0' for n, v in [('user', 'app_rw'), ('database', 'orders')] + pairs)
        self.s.sendall(struct.pack('!ii', len(b) + 9, 196608) + b + b'\0')
        self.error = self.until()[1]

    def until(self):
        rows, error = [], None
        while True:
            head = self.f.read(5)
            if len(head) < 5:
                return rows, error or 'closed'
            body = self.f.read(struct.unpack('!i', head[1:])[0] - 4)
            if head[:1] == b'D':
                rows.append(body[6:].decode())
            elif head[:1] == b'E':
                f = {chr(x[0]): x[1:].decode() for x in body.split(b'\0') if x}
                error = f"{f['C']} {f['M']} / {f.get('H', '')}"
            elif head[:1] == b'Z':
                return rows, error

    def q(self, sql):
        b = sql.encode() + b'\0'
        self.s.sendall(b'Q' + struct.pack('!i', len(b) + 4) + b)
        return self.until()

    def close(self):
        self.s.close()


def escaped(v):
    return ''.join('\\' + c if c.isspace() or c == '\\' else c for c in v)


def spellings(name, value):
    swap = name.swapcase()
    dash = name.replace('_', '-')
    yield [(name, value)]
    yield [(swap, value)]
    yield [('options', f'-c {name}={escaped(value)}')]
    yield [('options', f'-c{swap}={escaped(value)}')]
    yield [('options', f'--{dash}={escaped(value)}')]
    yield [('options', f' \t-c\n{dash}={escaped(value)}\\')]
    yield [('options', '-c ' + ''.join('\\' + c for c in f'{name}={value}'))]
    yield [('options', f'-c work_mem=5MB --{dash}={escaped(value)}'), ('application_name', 'x')]
    yield [('options', f'-c {name}=overridden'), (name, value)]
    yield [(name, 'overridden'), (swap, value)]
    yield [('options', '-c nosuch=1'), ('options', f'-c {name}={escaped(value)}')]


def by_set(name, value):
    """Does the gateway let SET pass? What the server says of it does not count."""
    c = Conn(PORT, [])
    quoted = value.replace("'", "''")
    error = c.q(f"select set_config('{name}', '{quoted}', false)")[1]
    c.close()
    return error is None or not any(w in error for w in ('refused: ', 'pending: ', 'undecided', 'relies on'))


FULL = ('search_path', 'client_min_messages', 'client_encoding', 'role', 'work_mem', 'DateStyle')


def one(name, value):
    may, bad = by_set(name, value), 0
    every = list(spellings(name, value))
    for pairs in every if name in FULL else (every[0], every[2], every[4]):
        c = Conn(PORT, pairs)
        d = Conn(DIRECT, pairs)
        taken = c.error is None
        # refused by us, or by the server as it would be without us
        if not may and (taken or '42501 refused: start-up' not in c.error or ' / ' not in c.error):
            bad += 1
            print(f'PASSES {pairs}: {c.error}')
        if may and taken != (d.error is None) and not (d.error and 'overridden' in str(pairs)):
            bad += 1
            print(f'DIFFERS {pairs}: gateway {c.error}, server {d.error}')
        if taken and d.error is None:
            a, b = c.q(f'show "{name}"'), d.q(f'show "{name}"')
            if a != b:
                bad += 1
                print(f'SHOWS {pairs}: gateway {a}, server {b}')
        c.close()
        d.close()
    return may, bad


passed = refused = bad = 0
for n, v in SETTINGS:
    m, k = one(n, v)
    passed, refused, bad = passed + m, refused + (not m), bad + k
print(f'{passed} settings pass, {refused} are refused, {bad} faults')
