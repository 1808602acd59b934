noinst_LIBRARIES += src/store/libstore.a
src_store_libstore_a_SOURCES = src/store/store.c src/store/store.h src/store/store_driver.h src/store/store_schema.c \
	src/store/store_schema.h src/store/store_sqlite.c src/store/store_sqlite.h src/store/store_sqlite_sql.c \
	src/store/store_sqlite_use.c src/store/store_sqlite_session.c src/store/store_sqlite_request.c \
	src/store/store_sqlite_cert.c src/store/store_sqlite_account.c src/store/store_sqlite_ca.c
src_store_libstore_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
STORE_LIBS = src/store/libstore.a $(SQLITE_LIBS)
EXTRA_DIST += share/schema.sql
