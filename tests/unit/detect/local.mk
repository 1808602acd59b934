# unit tests of src/detect
check_PROGRAMS += tests/unit/detect/test_name tests/unit/detect/test_value
TESTS += tests/unit/detect/test_name tests/unit/detect/test_value
tests_unit_detect_test_name_SOURCES = tests/unit/detect/test_name.c
tests_unit_detect_test_name_CFLAGS = $(TEST_CFLAGS) -DTEST_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_detect_test_name_LDADD = $(DETECT_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_detect_test_value_SOURCES = tests/unit/detect/test_value.c
tests_unit_detect_test_value_CFLAGS = $(TEST_CFLAGS)
tests_unit_detect_test_value_LDADD = $(DETECT_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
EXTRA_DIST += tests/vectors/detect/columns.tsv
