# unit tests of src/session
EXTRA_DIST += tests/support/pgtmp.sh
check_PROGRAMS += tests/unit/session/test_pgtrace tests/unit/session/test_pgup
TESTS += tests/unit/session/test_pgtrace tests/unit/session/test_pgup
tests_unit_session_test_pgtrace_SOURCES = tests/unit/session/test_pgtrace.c
tests_unit_session_test_pgtrace_CFLAGS = $(TEST_CFLAGS)
tests_unit_session_test_pgtrace_LDADD = src/session/libsession.a $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_session_test_pgup_SOURCES = tests/unit/session/test_pgup.c tests/support/pgserver.c tests/support/pgserver.h
tests_unit_session_test_pgup_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir) -DPGTMP_SH='"$(abs_top_srcdir)/tests/support/pgtmp.sh"'
tests_unit_session_test_pgup_LDADD = src/session/libsession.a $(WIRE_LIBS) $(BASE_LIBS) $(LIBPQ_LIBS) $(SSL_LIBS) \
	$(CRITERION_LIBS)
check_PROGRAMS += tests/unit/session/test_monclient tests/unit/session/test_sshhost
TESTS += tests/unit/session/test_monclient tests/unit/session/test_sshhost
tests_unit_session_test_monclient_SOURCES = tests/unit/session/test_monclient.c
tests_unit_session_test_monclient_CFLAGS = $(TEST_CFLAGS)
tests_unit_session_test_monclient_LDADD = src/session/libsession.a $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_session_test_sshhost_SOURCES = tests/unit/session/test_sshhost.c
tests_unit_session_test_sshhost_CFLAGS = $(TEST_CFLAGS) $(LIBSSH_CFLAGS)
tests_unit_session_test_sshhost_LDADD = src/session/libsession.a $(BASE_LIBS) $(LIBSSH_LIBS) $(CRYPTO_LIBS) $(CRITERION_LIBS)
