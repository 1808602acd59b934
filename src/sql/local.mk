noinst_LIBRARIES += src/sql/libsql.a
src_sql_libsql_a_SOURCES =
