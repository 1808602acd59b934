#!/usr/bin/env python3
"""Prints the SQL that gives a database its sensitive values: values.py a | b.

The values of both sides differ and have equal masks: the same initials, the same first letters and top-level domain of
an e-mail, the same last digits, the same year, network, tenth of a degree. Lengths, order and uniqueness differ.
"""
import sys

LAST = {'a': ['Lovelace', 'Turing', 'Hopper', 'Dijkstra', 'Liskov', 'Knuth', 'Allen', 'Thompson'],
        'b': ['Li', 'Tarjan-Oberstein', 'Hoare', 'Dahl', 'Lampson', 'Kay', 'Adleman', 'Tukey']}
FIRST = {'a': ['Ada', 'Alan', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken'],
         'b': ['Annabelle', 'Annabelle', 'Gwendolyn', 'Eve', 'Bo', 'Dorothea', 'Fritz', 'Kim']}
HOST = {'a': ['example', 'mailer', 'post'], 'b': ['elsewhere.town', 'mx', 'p.o.box']}
DIAGNOSES = {'a': ['asthma', 'migraine', 'none'], 'b': ['flu', 'a broken arm', 'hypertension stage 2']}


def word(side, a, b):
    return a if side == 'a' else b


def pick(rows, i):
    return rows[i % len(rows)]


def full_name(s, i):
    # a: eight names of twenty, b: other repetitions among the same initials
    k = i % 8
    first, last = FIRST[s][k], LAST[s][(i // 8 + i) % 8]
    return first + word(s, ' ', ' van der ' if i % 3 == 0 else ' ') + last


def email(s, i):
    local = word(s, 'user%d' % i, 'u_%s%d.x' % ('long' * (i % 4), 97 - i))
    host = pick(HOST[s], i)
    if len(HOST['a'][i % 3]) < 3 or len(HOST['b'][i % 3]) < 3:
        host = word(s, 'mail', 'mercury-' + 'm' * (i % 5))
    return '%s@%s.%s' % (local, host, pick(['com', 'org', 'net'], i))


def card(s, i):
    """The same last four, a right checksum each."""
    tail = '%04d' % (i * 1237 % 10000)
    head = word(s, '4111%07d' % (i * 7919 % 10000000), '55%09d' % (i * 104729 % 1000000000))
    for d in range(10):
        n = head + str(d) + tail
        total = 0
        for k, c in enumerate(reversed(n)):
            v = int(c) * (2 if k % 2 else 1)
            total += v - 9 if v > 9 else v
        if total % 10 == 0:
            return n if s == 'a' or i % 2 else ' '.join(n[k:k + 4] for k in range(0, 16, 4))
    raise AssertionError('no checksum')


def iban(s, i):
    return word(s, 'DE89370400440532%06d' % (i * 4111), 'DE02%012d%06d' % (i * 99991, i * 4111 % 1000000))


def quote(v):
    return 'NULL' if v is None else "'%s'" % str(v).replace("'", "''")


def update(table, key, values):
    sets = ', '.join('%s = %s' % (c, quote(v)) for c, v in values.items())
    print('UPDATE %s SET %s WHERE id = %d;' % (table, sets, key))


def customers(s):
    for i in range(1, 21):
        update('customers', i, {
            'full_name': full_name(s, i), 'email': email(s, i),
            'phone': None if i % 7 == 0 else word(s, '+49 30 %07d' % (i * 7919 % 10000000), '0%d-555%02d%02d' % (i, 99 - i, i * 7919 % 100)),
            'ssn': None if i % 9 == 0 else '%03d-%02d-%04d' % (word(s, 100 + i, 899 - 3 * i), word(s, 10 + i, 77 - i), 1000 + i * 37),
            'city': word(s, pick(['Berlin', 'Paris', 'Utrecht'], i), pick(['Bad Homburg vor der Hoehe', 'Oslo', 'Ely', 'Rouen'], i)),
            'birth_date': None if i % 6 == 0 else '%d-%02d-%02d' % (1960 + i, word(s, 1 + i % 12, 1 + (i * 5 + 3) % 12), word(s, 1 + i, 28 - i))})


def payments(s):
    for i in range(1, 25):
        update('payments', i, {'card_no': card(s, i), 'iban': None if i % 5 == 0 else iban(s, i),
                               'client_ip': '10.%d.%d.%d' % (i, i * 3, word(s, 1 + i, 250 - 2 * i))})


def staff(s):
    for i in range(1, 13):
        letter = 'ABCDEFGHIJKL'[i - 1]
        update('staff', i, {
            'last_name': letter + word(s, 'bcdef'[:2 + i % 3], 'xylophone'[:4 + i % 5]), 'salary': word(s, 3000 + 170 * i, 9000 - 333 * i),
            'password_hash': 'h' * 8 + word(s, '%d' % (i * 77), '%d' % (10 ** 12 + i)), 'lat': '52.%d%s' % (i % 9, word(s, '211', '8%d7' % (i % 7))),
            'lon': '13.%d%s' % (i % 7, word(s, '35', '61%d9' % (i % 5))), 'diagnosis': pick(DIAGNOSES[s], i),
            'home_address': word(s, '%d Main Street' % i, '%d Long Avenue of the Unknown' % (200 - i))})


def others(s):
    for i in range(1, 9):
        update('hr.customers', i, {'full_name': full_name(s, i + 3)})
        update('hr.orders', i, {'email': email(s, i + 5)})


def main():
    side = sys.argv[1]
    if side not in LAST:
        sys.exit('values.py a | b')
    print('BEGIN;')
    # the unique index is in the way of values that pass each other
    for part in (customers, payments, staff, others):
        part(side)
    print('COMMIT;')


if __name__ == '__main__':
    main()
