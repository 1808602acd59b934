# unit tests of src/sql
check_PROGRAMS += tests/unit/sql/test_pgtree
TESTS += tests/unit/sql/test_pgtree
tests_unit_sql_test_pgtree_SOURCES = tests/unit/sql/test_pgtree.c
tests_unit_sql_test_pgtree_CFLAGS = $(TEST_CFLAGS)
tests_unit_sql_test_pgtree_LDADD = $(SQL_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
check_PROGRAMS += tests/unit/sql/test_lineage
TESTS += tests/unit/sql/test_lineage
tests_unit_sql_test_lineage_SOURCES = tests/unit/sql/test_lineage.c
tests_unit_sql_test_lineage_CFLAGS = $(TEST_CFLAGS)
tests_unit_sql_test_lineage_LDADD = $(SQL_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
