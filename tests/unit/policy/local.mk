# unit tests of src/policy
check_PROGRAMS += tests/unit/policy/test_address tests/unit/policy/test_certcheck
TESTS += tests/unit/policy/test_address tests/unit/policy/test_certcheck
tests_unit_policy_test_address_SOURCES = tests/unit/policy/test_address.c
tests_unit_policy_test_address_CFLAGS = $(TEST_CFLAGS)
tests_unit_policy_test_address_LDADD = src/policy/libpolicy.a $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_policy_test_certcheck_SOURCES = tests/unit/policy/test_certcheck.c tests/support/keygen.c tests/support/keygen.h
tests_unit_policy_test_certcheck_CFLAGS = $(TEST_CFLAGS)
tests_unit_policy_test_certcheck_LDADD = src/policy/libpolicy.a $(IDENT_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/policy/test_verdict
TESTS += tests/unit/policy/test_verdict
tests_unit_policy_test_verdict_SOURCES = tests/unit/policy/test_verdict.c
tests_unit_policy_test_verdict_CFLAGS = $(TEST_CFLAGS)
tests_unit_policy_test_verdict_LDADD = src/policy/libpolicy.a $(CONF_LIBS) $(SQL_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
