noinst_LIBRARIES += src/wire/libwire.a
src_wire_libwire_a_SOURCES = src/wire/mp.c src/wire/mp.h src/wire/ipc.c src/wire/ipc.h \
	src/wire/pg.c src/wire/pg.h src/wire/pgview.h src/wire/pgfront.c src/wire/pgback.c \
	src/wire/pgbuild.c src/wire/pgbuild.h src/wire/pgoptions.c src/wire/pgoptions.h
src_wire_libwire_a_CFLAGS = $(AM_CFLAGS) $(MSGPACK_CFLAGS)
src_wire_libwire_a_SOURCES += src/wire/sshw.c src/wire/sshw.h src/wire/sshpk.c src/wire/sshpk.h \
	src/wire/sshcert.c src/wire/sshcert.h src/wire/sshkey.c src/wire/sshkey.h \
	src/wire/sshagent.c src/wire/sshagent.h
src_wire_libwire_a_SOURCES += src/wire/meaning.c src/wire/meaning.h src/wire/pgvalue.c src/wire/pgvalue.h \
	src/wire/pgparam.c src/wire/pgparam.h
src_wire_libwire_a_SOURCES += src/wire/recframe.c src/wire/recframe.h src/wire/recmeta.c
WIRE_LIBS = src/wire/libwire.a $(MSGPACK_LIBS)
