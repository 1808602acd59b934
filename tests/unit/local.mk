# Each folder adds its test programs to check_PROGRAMS and TESTS.
if HAVE_CRITERION
include tests/unit/base/local.mk
include tests/unit/wire/local.mk
include tests/unit/sql/local.mk
include tests/unit/conf/local.mk
include tests/unit/ident/local.mk
include tests/unit/policy/local.mk
include tests/unit/detect/local.mk
include tests/unit/mask/local.mk
include tests/unit/record/local.mk
include tests/unit/store/local.mk
include tests/unit/session/local.mk
include tests/unit/server/local.mk
include tests/unit/cmd/local.mk
endif
TEST_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) -Wno-shadow -Wno-conversion -Wno-missing-prototypes
EXTRA_DIST += tests/support/tap-run tests/support/lsan.supp
