# SPDX-License-Identifier: Apache-2.0
#
# The lab's sensitive values, as share/lab/schema.sql makes them, and whether a client got to see one.
import re

CLEAR = "select replace(full_name, ' ', '_') as harmless from customers where id < 9"
FAMILY = rb"Lovelace|Turing|Hopper|Dijkstra|Liskov|Knuth|Thompson"
VALUES = re.compile(FAMILY + rb"|user\d+@example|user\d+\(at\)example|4111111111111111|DE89370400440532013000|\+49 30 0\d{6}", re.I)


def clear_of(reply):
    """What a reply gives away: a few of the values, enough to see which."""
    return sorted({m.group().decode() for m in VALUES.finditer(reply.everything())})[:3]
