# unit tests of src/base
check_PROGRAMS += tests/unit/base/test_span tests/unit/base/test_buf
TESTS += tests/unit/base/test_span tests/unit/base/test_buf
tests_unit_base_test_span_SOURCES = tests/unit/base/test_span.c
tests_unit_base_test_span_CFLAGS = $(TEST_CFLAGS)
tests_unit_base_test_span_LDADD = $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_base_test_buf_SOURCES = tests/unit/base/test_buf.c
tests_unit_base_test_buf_CFLAGS = $(TEST_CFLAGS)
tests_unit_base_test_buf_LDADD = $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/base/test_crypto
TESTS += tests/unit/base/test_crypto
tests_unit_base_test_crypto_SOURCES = tests/unit/base/test_crypto.c
tests_unit_base_test_crypto_CFLAGS = $(TEST_CFLAGS)
tests_unit_base_test_crypto_LDADD = $(BASE_LIBS) $(CRITERION_LIBS)
