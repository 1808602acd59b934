# unit tests of src/wire
check_PROGRAMS += tests/unit/wire/test_pg
TESTS += tests/unit/wire/test_pg
tests_unit_wire_test_pg_SOURCES = tests/unit/wire/test_pg.c
tests_unit_wire_test_pg_CFLAGS = $(TEST_CFLAGS)
tests_unit_wire_test_pg_LDADD = $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/wire/test_sshcert
TESTS += tests/unit/wire/test_sshcert
tests_unit_wire_test_sshcert_SOURCES = tests/unit/wire/test_sshcert.c tests/support/keygen.c tests/support/keygen.h
tests_unit_wire_test_sshcert_CFLAGS = $(TEST_CFLAGS)
tests_unit_wire_test_sshcert_LDADD = $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/wire/test_recframe
TESTS += tests/unit/wire/test_recframe
tests_unit_wire_test_recframe_SOURCES = tests/unit/wire/test_recframe.c
tests_unit_wire_test_recframe_CFLAGS = $(TEST_CFLAGS)
tests_unit_wire_test_recframe_LDADD = $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
