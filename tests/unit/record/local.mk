# unit tests of src/record
RECORD_TEST_LIBS = $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
RECORD_RIG = tests/unit/record/rig.c tests/unit/record/rig.h
check_PROGRAMS += tests/unit/record/test_recorder
TESTS += tests/unit/record/test_recorder
tests_unit_record_test_recorder_SOURCES = tests/unit/record/test_recorder.c $(RECORD_RIG)
tests_unit_record_test_recorder_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_recorder_LDADD = $(RECORD_TEST_LIBS)
check_PROGRAMS += tests/unit/record/test_seal
TESTS += tests/unit/record/test_seal
tests_unit_record_test_seal_SOURCES = tests/unit/record/test_seal.c $(RECORD_RIG)
tests_unit_record_test_seal_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_seal_LDADD = $(RECORD_TEST_LIBS)
check_PROGRAMS += tests/unit/record/test_ledger
TESTS += tests/unit/record/test_ledger
tests_unit_record_test_ledger_SOURCES = tests/unit/record/test_ledger.c $(RECORD_RIG)
tests_unit_record_test_ledger_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_ledger_LDADD = $(RECORD_TEST_LIBS)
check_PROGRAMS += tests/unit/record/test_verify
TESTS += tests/unit/record/test_verify
tests_unit_record_test_verify_SOURCES = tests/unit/record/test_verify.c $(RECORD_RIG)
tests_unit_record_test_verify_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_verify_LDADD = $(RECORD_TEST_LIBS)
check_PROGRAMS += tests/unit/record/test_render
TESTS += tests/unit/record/test_render
tests_unit_record_test_render_SOURCES = tests/unit/record/test_render.c $(RECORD_RIG)
tests_unit_record_test_render_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_render_LDADD = $(RECORD_TEST_LIBS)
# test_independent runs the Python verifier: slow under sanitizers, about two seconds otherwise
check_PROGRAMS += tests/unit/record/test_independent
TESTS += tests/unit/record/test_independent
tests_unit_record_test_independent_SOURCES = tests/unit/record/test_independent.c $(RECORD_RIG)
tests_unit_record_test_independent_CPPFLAGS = $(AM_CPPFLAGS) -DSP_TEST_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_record_test_independent_CFLAGS = $(TEST_CFLAGS)
tests_unit_record_test_independent_LDADD = $(RECORD_TEST_LIBS)
dist_pkgdata_SCRIPTS = share/sallyport-verify.py
