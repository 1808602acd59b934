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
check_PROGRAMS += tests/unit/sql/test_facts
TESTS += tests/unit/sql/test_facts
tests_unit_sql_test_facts_SOURCES = tests/unit/sql/test_facts.c
tests_unit_sql_test_facts_CFLAGS = $(TEST_CFLAGS) -DSP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_sql_test_facts_LDADD = $(SQL_LIBS) $(BASE_LIBS) $(CRITERION_LIBS)
EXTRA_DIST += tests/vectors/guard/tools.sql
check_PROGRAMS += tests/unit/sql/pg_lineage
TESTS += tests/unit/sql/pg_lineage.sh
EXTRA_DIST += tests/unit/sql/pg_lineage.sh tests/support/on-postgres.sh
tests_unit_sql_pg_lineage_SOURCES = tests/unit/sql/pg_lineage.c
tests_unit_sql_pg_lineage_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
tests_unit_sql_pg_lineage_LDADD = $(SQL_LIBS) $(BASE_LIBS) $(LIBPQ_LIBS)
