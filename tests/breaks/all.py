# SPDX-License-Identifier: Apache-2.0
#
# All cases of this folder, by 41-breaks.sh. The slow ones (they wait for people) come first.
import names  # noqa: F401
import pglab

pglab.main(["alice", "alice2", "alice3", "alice4"])
