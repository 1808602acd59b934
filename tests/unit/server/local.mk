# unit tests of src/server
check_PROGRAMS += tests/unit/server/test_signer
TESTS += tests/unit/server/test_signer
tests_unit_server_test_signer_SOURCES = tests/unit/server/test_signer.c tests/support/keygen.c tests/support/keygen.h
tests_unit_server_test_signer_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_signer_LDADD = src/server/libserver.a $(RECORD_LIBS) src/policy/libpolicy.a $(IDENT_LIBS) $(WIRE_LIBS) \
	$(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_signer_ca
TESTS += tests/unit/server/test_signer_ca
tests_unit_server_test_signer_ca_SOURCES = tests/unit/server/test_signer_ca.c tests/support/keygen.c tests/support/keygen.h \
	tests/support/agent.c tests/support/agent.h
tests_unit_server_test_signer_ca_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_signer_ca_LDADD = src/server/libserver.a $(RECORD_LIBS) src/policy/libpolicy.a $(IDENT_LIBS) $(WIRE_LIBS) \
	$(BASE_LIBS) $(SECCOMP_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_archiver
TESTS += tests/unit/server/test_archiver
tests_unit_server_test_archiver_SOURCES = tests/unit/server/test_archiver.c tests/support/keygen.c tests/support/keygen.h
tests_unit_server_test_archiver_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_archiver_LDADD = src/server/libserver.a $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_sandbox
TESTS += tests/unit/server/test_sandbox
tests_unit_server_test_sandbox_SOURCES = tests/unit/server/test_sandbox.c tests/unit/server/sandrig.c \
	tests/unit/server/sandrig.h tests/support/pgserver.c tests/support/pgserver.h
tests_unit_server_test_sandbox_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir) -I$(top_srcdir)/tests/unit/server \
	-DPGTMP_SH='"$(abs_top_srcdir)/tests/support/pgtmp.sh"'
tests_unit_server_test_sandbox_LDADD = src/server/libserver.a src/session/libsession.a $(WIRE_LIBS) $(BASE_LIBS) \
	$(LIBPQ_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS) $(PG_QUERY_LIBS) -lm -lpthread $(CRITERION_LIBS)
# the monitor
MONRIG = tests/support/monrig.c tests/support/monrig.h tests/support/keygen.c tests/support/keygen.h
check_PROGRAMS += tests/unit/server/test_monitor
TESTS += tests/unit/server/test_monitor
tests_unit_server_test_monitor_SOURCES = tests/unit/server/test_monitor.c $(MONRIG)
tests_unit_server_test_monitor_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_monitor_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_monitor_ca
TESTS += tests/unit/server/test_monitor_ca
tests_unit_server_test_monitor_ca_SOURCES = tests/unit/server/test_monitor_ca.c tests/support/agent.c tests/support/agent.h $(MONRIG)
tests_unit_server_test_monitor_ca_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_monitor_ca_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_throttle
TESTS += tests/unit/server/test_throttle
tests_unit_server_test_throttle_SOURCES = tests/unit/server/test_throttle.c
tests_unit_server_test_throttle_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_throttle_LDADD = src/server/libserver.a $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_monitor_connect
TESTS += tests/unit/server/test_monitor_connect
tests_unit_server_test_monitor_connect_SOURCES = tests/unit/server/test_monitor_connect.c $(MONRIG)
tests_unit_server_test_monitor_connect_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_monitor_connect_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_monitor_hold
TESTS += tests/unit/server/test_monitor_hold
tests_unit_server_test_monitor_hold_SOURCES = tests/unit/server/test_monitor_hold.c $(MONRIG)
tests_unit_server_test_monitor_hold_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_monitor_hold_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_monitor_ctl
TESTS += tests/unit/server/test_monitor_ctl
tests_unit_server_test_monitor_ctl_SOURCES = tests/unit/server/test_monitor_ctl.c $(MONRIG)
tests_unit_server_test_monitor_ctl_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_monitor_ctl_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_cmdline
TESTS += tests/unit/server/test_cmdline
tests_unit_server_test_cmdline_SOURCES = tests/unit/server/test_cmdline.c
tests_unit_server_test_cmdline_CFLAGS = $(TEST_CFLAGS)
tests_unit_server_test_cmdline_LDADD = src/server/libserver.a $(CONF_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_reaper
TESTS += tests/unit/server/test_reaper
tests_unit_server_test_reaper_SOURCES = tests/unit/server/test_reaper.c tests/support/pgserver.c tests/support/pgserver.h
tests_unit_server_test_reaper_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir) -DPGTMP_SH='"$(abs_top_srcdir)/tests/support/pgtmp.sh"'
tests_unit_server_test_reaper_LDADD = src/server/libserver.a $(BASE_LIBS) $(BASE_TLS_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_login
TESTS += tests/unit/server/test_login
tests_unit_server_test_login_SOURCES = tests/unit/server/test_login.c $(MONRIG)
tests_unit_server_test_login_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_login_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
# the pages, over sockets
check_PROGRAMS += tests/unit/server/test_web
TESTS += tests/unit/server/test_web
tests_unit_server_test_web_SOURCES = tests/unit/server/test_web.c tests/support/webrig.c tests/support/webrig.h
tests_unit_server_test_web_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_web_LDADD = $(WEB_LIBS) $(BASE_TLS_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_monitor_expire
TESTS += tests/unit/server/test_monitor_expire
tests_unit_server_test_monitor_expire_SOURCES = tests/unit/server/test_monitor_expire.c $(MONRIG)
tests_unit_server_test_monitor_expire_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_monitor_expire_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_agent
TESTS += tests/unit/server/test_agent
tests_unit_server_test_agent_SOURCES = tests/unit/server/test_agent.c $(MONRIG)
tests_unit_server_test_agent_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_agent_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/server/test_enroll
TESTS += tests/unit/server/test_enroll
tests_unit_server_test_enroll_SOURCES = tests/unit/server/test_enroll.c $(MONRIG)
tests_unit_server_test_enroll_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)/tests/support
tests_unit_server_test_enroll_LDADD = $(MONITOR_LIBS) $(CRITERION_LIBS)
