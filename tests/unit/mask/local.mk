# unit tests of src/mask
check_PROGRAMS += tests/unit/mask/test_mask tests/unit/mask/pg_types
TESTS += tests/unit/mask/test_mask tests/unit/mask/pg_types.sh
EXTRA_DIST += tests/unit/mask/pg_types.sh
tests_unit_mask_test_mask_SOURCES = tests/unit/mask/test_mask.c
tests_unit_mask_test_mask_CFLAGS = $(TEST_CFLAGS)
tests_unit_mask_test_mask_LDADD = $(MASK_LIBS) $(DETECT_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_mask_pg_types_SOURCES = tests/unit/mask/pg_types.c
tests_unit_mask_pg_types_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
tests_unit_mask_pg_types_LDADD = $(MASK_LIBS) $(BASE_LIBS) $(LIBPQ_LIBS)
