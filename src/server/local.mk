noinst_LIBRARIES += src/server/libserver.a
src_server_libserver_a_SOURCES =
src_server_libserver_a_SOURCES += src/server/signer.c src/server/signer.h src/server/signkey.c src/server/signkey.h \
	src/server/signhead.c src/server/signhead.h src/server/archiver.c src/server/archiver.h
