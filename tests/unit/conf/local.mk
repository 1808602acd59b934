# unit tests of src/conf
check_PROGRAMS += tests/unit/conf/test_scalar tests/unit/conf/test_errors tests/unit/conf/test_conf \
	tests/unit/conf/test_ident
TESTS += tests/unit/conf/test_scalar tests/unit/conf/test_errors tests/unit/conf/test_conf tests/unit/conf/test_ident
CONF_TEST_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
tests_unit_conf_test_scalar_SOURCES = tests/unit/conf/test_scalar.c
tests_unit_conf_test_scalar_CFLAGS = $(TEST_CFLAGS)
tests_unit_conf_test_scalar_LDADD = $(CONF_TEST_LDADD)
tests_unit_conf_test_errors_SOURCES = tests/unit/conf/test_errors.c
tests_unit_conf_test_errors_CFLAGS = $(TEST_CFLAGS)
tests_unit_conf_test_errors_LDADD = $(CONF_TEST_LDADD)
tests_unit_conf_test_ident_SOURCES = tests/unit/conf/test_ident.c
tests_unit_conf_test_ident_CFLAGS = $(TEST_CFLAGS)
tests_unit_conf_test_ident_LDADD = $(CONF_TEST_LDADD)
tests_unit_conf_test_conf_SOURCES = tests/unit/conf/test_conf.c
tests_unit_conf_test_conf_CFLAGS = $(TEST_CFLAGS) -DSP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_conf_test_conf_LDADD = $(CONF_TEST_LDADD)

# Prints the options part of man/sallyport.yaml.5, to be pasted between its markers after a change of the schema.
check_PROGRAMS += tests/unit/conf/manual
tests_unit_conf_manual_SOURCES = tests/unit/conf/manual.c
tests_unit_conf_manual_LDADD = $(CONF_LIBS) $(BASE_LIBS)
