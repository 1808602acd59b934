noinst_LIBRARIES += src/server/libserver.a
src_server_libserver_a_SOURCES =
