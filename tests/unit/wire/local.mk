# unit tests of src/wire
check_PROGRAMS += tests/unit/wire/test_pg
TESTS += tests/unit/wire/test_pg
tests_unit_wire_test_pg_SOURCES = tests/unit/wire/test_pg.c
tests_unit_wire_test_pg_CFLAGS = $(TEST_CFLAGS)
tests_unit_wire_test_pg_LDADD = $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
