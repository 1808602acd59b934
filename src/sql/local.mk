noinst_LIBRARIES += src/sql/libsql.a
src_sql_libsql_a_SOURCES = src/sql/arena.c src/sql/arena.h src/sql/facts.h src/sql/lineage.h \
	src/sql/lineage.c src/sql/lineage_int.h src/sql/lineage_val.c src/sql/lineage_cols.c src/sql/lineage_name.c \
	src/sql/lineage_label.c src/sql/lineage_expr.c src/sql/lineage_call.c src/sql/lineage_cond.c src/sql/lineage_rows.c \
	src/sql/lineage_from.c src/sql/lineage_func.c src/sql/lineage_join.c src/sql/lineage_query.c src/sql/lineage_with.c \
	src/sql/lineage_write.c src/sql/lineage_account.c src/sql/lineage_known.c \
	src/sql/pglex.c src/sql/pglex.h src/sql/pgnode.c src/sql/pgparse.c src/sql/pgparse.h \
	src/sql/pgtree.c src/sql/pgtree.h src/sql/pgwalk.c src/sql/pgwalk.h src/sql/pgkinds.c src/sql/pgexpr.c \
	src/sql/pgstmt.c src/sql/pgrows.c src/sql/pgproof.c src/sql/pgproof.h src/sql/pgddl.c src/sql/pgbody.c src/sql/pgbound.c src/sql/pgbound.h src/sql/pgfacts.c \
	src/sql/pgfuncs.c src/sql/pgfuncs.h src/sql/pgfuncs_read.c src/sql/pgsettings.c src/sql/pgsettings.h
src_sql_libsql_a_SOURCES += src/sql/pgerrors.c src/sql/pgerrors.h src/sql/pgerrors_known.c
SQL_LIBS = src/sql/libsql.a $(PG_QUERY_LIBS) -lm -lpthread
