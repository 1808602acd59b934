# unit tests of src/record
RECORD_TEST_LIBS = $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/record/test_verify
TESTS += tests/unit/record/test_verify
tests_unit_record_test_verify_SOURCES = tests/unit/record/test_verify.c tests/unit/record/rig.c tests/unit/record/rig.h
tests_unit_record_test_verify_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_verify_LDADD = $(RECORD_TEST_LIBS)
