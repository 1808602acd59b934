# unit tests of src/ident
check_PROGRAMS += tests/unit/ident/test_issue
TESTS += tests/unit/ident/test_issue
tests_unit_ident_test_issue_SOURCES = tests/unit/ident/test_issue.c tests/support/keygen.c tests/support/keygen.h
tests_unit_ident_test_issue_CFLAGS = $(TEST_CFLAGS)
tests_unit_ident_test_issue_LDADD = $(IDENT_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/ident/test_json
TESTS += tests/unit/ident/test_json
tests_unit_ident_test_json_SOURCES = tests/unit/ident/test_json.c
tests_unit_ident_test_json_CFLAGS = $(TEST_CFLAGS)
tests_unit_ident_test_json_LDADD = $(IDENT_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
# tokens are made with OpenSSL
check_PROGRAMS += tests/unit/ident/test_jws tests/unit/ident/test_jwt tests/unit/ident/test_oidc
TESTS += tests/unit/ident/test_jws tests/unit/ident/test_jwt tests/unit/ident/test_oidc
tests_unit_ident_test_jws_SOURCES = tests/unit/ident/test_jws.c tests/support/jwtmake.c tests/support/jwtmake.h
tests_unit_ident_test_jws_CFLAGS = $(TEST_CFLAGS)
tests_unit_ident_test_jws_LDADD = $(IDENT_JWT_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_ident_test_jwt_SOURCES = tests/unit/ident/test_jwt.c tests/support/jwtmake.c tests/support/jwtmake.h
tests_unit_ident_test_jwt_CFLAGS = $(TEST_CFLAGS)
tests_unit_ident_test_jwt_LDADD = $(IDENT_JWT_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_ident_test_oidc_SOURCES = tests/unit/ident/test_oidc.c
tests_unit_ident_test_oidc_CFLAGS = $(TEST_CFLAGS)
tests_unit_ident_test_oidc_LDADD = $(IDENT_JWT_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/support/issue-cert
tests_support_issue_cert_SOURCES = tests/support/issue-cert.c
tests_support_issue_cert_LDADD = $(IDENT_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
TESTS += tests/integration/10-cert-oracle.sh
EXTRA_DIST += tests/integration/10-cert-oracle.sh
