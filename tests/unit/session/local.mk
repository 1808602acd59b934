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
check_PROGRAMS += tests/unit/session/test_sshio
TESTS += tests/unit/session/test_sshio
tests_unit_session_test_sshio_SOURCES = tests/unit/session/test_sshio.c
tests_unit_session_test_sshio_CFLAGS = $(TEST_CFLAGS)
tests_unit_session_test_sshio_LDADD = src/session/libsession.a $(CRITERION_LIBS)
# a client that breaks rules, for tests/integration/21-hostile-client.sh
check_PROGRAMS += tests/support/hostile
tests_support_hostile_SOURCES = tests/support/hostile.c tests/support/rawssh.c tests/support/rawssh.h
tests_support_hostile_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_support_hostile_LDADD = $(WIRE_LIBS) $(BASE_LIBS)
# the PostgreSQL proxy against a real server: one lab for all (tests/support/pxlab.h)
EXTRA_LIBRARIES = tests/support/libpxlab.a
PXLAB_CFLAGS = $(TEST_CFLAGS) -I$(top_srcdir)
tests_support_libpxlab_a_SOURCES = tests/support/pxlab.c tests/support/pxlab.h tests/support/pxmon.c tests/support/pxmon.h \
	tests/support/pxtap.c tests/support/pxtap.h tests/support/pxwire.c tests/support/pxwire.h tests/support/pxrec.c \
	tests/support/pxdirect.c tests/support/pxdirect.h tests/support/pgserver.c tests/support/pgserver.h
tests_support_libpxlab_a_CFLAGS = $(PXLAB_CFLAGS) -DPGTMP_SH='"$(abs_top_srcdir)/tests/support/pgtmp.sh"' \
	-DLAB_SCHEMA='"$(abs_top_srcdir)/share/lab/schema.sql"'
PXLAB_LIBS = tests/support/libpxlab.a src/session/libsession.a $(RECORD_LIBS) src/policy/libpolicy.a $(DETECT_LIBS) \
	$(MASK_LIBS) $(SQL_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(LIBPQ_LIBS) $(SSL_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy
TESTS += tests/unit/session/test_pgproxy
tests_unit_session_test_pgproxy_SOURCES = tests/unit/session/test_pgproxy.c
tests_unit_session_test_pgproxy_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_pipeline
TESTS += tests/unit/session/test_pgproxy_pipeline
tests_unit_session_test_pgproxy_pipeline_SOURCES = tests/unit/session/test_pgproxy_pipeline.c
tests_unit_session_test_pgproxy_pipeline_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_pipeline_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_guard
TESTS += tests/unit/session/test_pgproxy_guard
tests_unit_session_test_pgproxy_guard_SOURCES = tests/unit/session/test_pgproxy_guard.c
tests_unit_session_test_pgproxy_guard_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_guard_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_mask
TESTS += tests/unit/session/test_pgproxy_mask
tests_unit_session_test_pgproxy_mask_SOURCES = tests/unit/session/test_pgproxy_mask.c
tests_unit_session_test_pgproxy_mask_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_mask_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_hold
TESTS += tests/unit/session/test_pgproxy_hold
tests_unit_session_test_pgproxy_hold_SOURCES = tests/unit/session/test_pgproxy_hold.c
tests_unit_session_test_pgproxy_hold_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_hold_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_record
TESTS += tests/unit/session/test_pgproxy_record
tests_unit_session_test_pgproxy_record_SOURCES = tests/unit/session/test_pgproxy_record.c
tests_unit_session_test_pgproxy_record_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_record_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_pressure
TESTS += tests/unit/session/test_pgproxy_pressure
tests_unit_session_test_pgproxy_pressure_SOURCES = tests/unit/session/test_pgproxy_pressure.c
tests_unit_session_test_pgproxy_pressure_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_pressure_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_input
TESTS += tests/unit/session/test_pgproxy_input
tests_unit_session_test_pgproxy_input_SOURCES = tests/unit/session/test_pgproxy_input.c
tests_unit_session_test_pgproxy_input_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_input_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_hostile
TESTS += tests/unit/session/test_pgproxy_hostile
tests_unit_session_test_pgproxy_hostile_SOURCES = tests/unit/session/test_pgproxy_hostile.c
tests_unit_session_test_pgproxy_hostile_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_hostile_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_shape
TESTS += tests/unit/session/test_pgproxy_shape
tests_unit_session_test_pgproxy_shape_SOURCES = tests/unit/session/test_pgproxy_shape.c
tests_unit_session_test_pgproxy_shape_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_shape_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_pgproxy_life
TESTS += tests/unit/session/test_pgproxy_life
tests_unit_session_test_pgproxy_life_SOURCES = tests/unit/session/test_pgproxy_life.c
tests_unit_session_test_pgproxy_life_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_life_LDADD = $(PXLAB_LIBS)

check_PROGRAMS += tests/unit/session/test_pgproxy_late
TESTS += tests/unit/session/test_pgproxy_late
tests_unit_session_test_pgproxy_late_SOURCES = tests/unit/session/test_pgproxy_late.c
tests_unit_session_test_pgproxy_late_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_late_LDADD = $(PXLAB_LIBS)


check_PROGRAMS += tests/unit/session/test_pgproxy_names
TESTS += tests/unit/session/test_pgproxy_names
tests_unit_session_test_pgproxy_names_SOURCES = tests/unit/session/test_pgproxy_names.c
tests_unit_session_test_pgproxy_names_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_pgproxy_names_LDADD = $(PXLAB_LIBS)
check_PROGRAMS += tests/unit/session/test_px_up
TESTS += tests/unit/session/test_px_up
tests_unit_session_test_px_up_SOURCES = tests/unit/session/test_px_up.c
tests_unit_session_test_px_up_CFLAGS = $(TEST_CFLAGS)
tests_unit_session_test_px_up_LDADD = src/session/libsession.a $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
# every step of recording fails once: the linker puts the test's functions in front of the real ones
check_PROGRAMS += tests/unit/session/test_px_faults
TESTS += tests/unit/session/test_px_faults
tests_unit_session_test_px_faults_SOURCES = tests/unit/session/test_px_faults.c
tests_unit_session_test_px_faults_CFLAGS = $(PXLAB_CFLAGS)
tests_unit_session_test_px_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=write -Wl,--wrap=fdatasync -Wl,--wrap=px_record_fd \
	-Wl,--wrap=recorder_segment_bytes -Wl,--wrap=recorder_add_statement -Wl,--wrap=recorder_add_own \
	-Wl,--wrap=recorder_add_copy -Wl,--wrap=recorder_add_release -Wl,--wrap=recorder_add_result \
	-Wl,--wrap=recorder_add -Wl,--wrap=recorder_commit -Wl,--wrap=recorder_rotate -Wl,--wrap=px_record_statement \
	-Wl,--wrap=px_up_msg -Wl,--wrap=px_up_put -Wl,--wrap=px_up_empty -Wl,--wrap=px_own_extended
tests_unit_session_test_px_faults_LDADD = $(PXLAB_LIBS)
