noinst_LIBRARIES += src/sql/libsql.a
src_sql_libsql_a_SOURCES = src/sql/arena.c src/sql/arena.h src/sql/facts.h src/sql/lineage.h \
	src/sql/pglex.c src/sql/pglex.h src/sql/pgnode.c src/sql/pgparse.c src/sql/pgparse.h \
	src/sql/pgtree.c src/sql/pgtree.h
SQL_LIBS = src/sql/libsql.a $(PG_QUERY_LIBS) -lm -lpthread
