# SPDX-License-Identifier: Apache-2.0
#
# All cases of this folder, by 41-breaks.sh. The slow ones (they wait for people) come first.
import approvals  # noqa: F401
import bounds  # noqa: F401
import late  # noqa: F401
import names  # noqa: F401
import proof  # noqa: F401
import startup  # noqa: F401
import temporary  # noqa: F401
import values  # noqa: F401

from pglab import main

main(["alice", "alice2", "alice3", "alice4"])
