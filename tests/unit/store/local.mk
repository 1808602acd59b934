# unit tests of src/store
check_PROGRAMS += tests/unit/store/test_store tests/unit/store/test_store_file tests/unit/store/test_standing \
	tests/unit/store/test_identity
TESTS += tests/unit/store/test_store tests/unit/store/test_store_file tests/unit/store/test_standing \
	tests/unit/store/test_identity
EXTRA_DIST += tests/unit/store/fixture.h tests/vectors/store/version-1.db
tests_unit_store_test_standing_SOURCES = tests/unit/store/test_standing.c
tests_unit_store_test_standing_CFLAGS = $(TEST_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_store_test_standing_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_store_test_identity_SOURCES = tests/unit/store/test_identity.c
tests_unit_store_test_identity_CFLAGS = $(TEST_CFLAGS)
tests_unit_store_test_identity_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_store_test_store_SOURCES = tests/unit/store/test_store.c
tests_unit_store_test_store_CFLAGS = $(TEST_CFLAGS)
tests_unit_store_test_store_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_store_test_store_file_SOURCES = tests/unit/store/test_store_file.c
tests_unit_store_test_store_file_CFLAGS = $(TEST_CFLAGS) $(SQLITE_CFLAGS) -DSP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_store_test_store_file_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/store/test_authority
TESTS += tests/unit/store/test_authority
tests_unit_store_test_authority_SOURCES = tests/unit/store/test_authority.c
tests_unit_store_test_authority_CFLAGS = $(TEST_CFLAGS)
tests_unit_store_test_authority_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
