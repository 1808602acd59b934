# unit tests of src/server
check_PROGRAMS += tests/unit/server/test_signer
TESTS += tests/unit/server/test_signer
tests_unit_server_test_signer_SOURCES = tests/unit/server/test_signer.c tests/support/keygen.c tests/support/keygen.h
tests_unit_server_test_signer_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_signer_LDADD = src/server/libserver.a $(RECORD_LIBS) src/policy/libpolicy.a $(IDENT_LIBS) $(WIRE_LIBS) \
	$(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_archiver
TESTS += tests/unit/server/test_archiver
tests_unit_server_test_archiver_SOURCES = tests/unit/server/test_archiver.c tests/support/keygen.c tests/support/keygen.h
tests_unit_server_test_archiver_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_archiver_LDADD = src/server/libserver.a $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
