# unit tests of src/cmd
check_PROGRAMS += tests/unit/cmd/test_table tests/unit/cmd/test_json tests/unit/cmd/test_cli tests/unit/cmd/doc
TESTS += tests/unit/cmd/test_table tests/unit/cmd/test_json tests/unit/cmd/test_cli
tests_unit_cmd_test_table_SOURCES = tests/unit/cmd/test_table.c
tests_unit_cmd_test_table_CFLAGS = $(TEST_CFLAGS)
tests_unit_cmd_test_table_LDADD = $(CMD_LIBS) $(CRITERION_LIBS)
tests_unit_cmd_test_json_SOURCES = tests/unit/cmd/test_json.c
tests_unit_cmd_test_json_CFLAGS = $(TEST_CFLAGS)
tests_unit_cmd_test_json_LDADD = $(CMD_LIBS) $(CRITERION_LIBS)
tests_unit_cmd_test_cli_SOURCES = tests/unit/cmd/test_cli.c
tests_unit_cmd_test_cli_CFLAGS = $(TEST_CFLAGS) -DSP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_cmd_test_cli_LDADD = $(CMD_LIBS) $(CRITERION_LIBS)
# prints the shell completion and the verbs part of man/sallyport.1
tests_unit_cmd_doc_SOURCES = tests/unit/cmd/doc.c
tests_unit_cmd_doc_LDADD = $(CMD_LIBS)
check_PROGRAMS += tests/unit/cmd/test_explain
TESTS += tests/unit/cmd/test_explain
tests_unit_cmd_test_explain_SOURCES = tests/unit/cmd/test_explain.c
tests_unit_cmd_test_explain_CFLAGS = $(TEST_CFLAGS) -DSP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_cmd_test_explain_LDADD = $(CMD_LIBS) $(CRITERION_LIBS)
EXTRA_DIST += tests/vectors/guard/guard.jsonl
