noinst_LIBRARIES += src/wire/libwire.a
src_wire_libwire_a_SOURCES = src/wire/mp.c src/wire/mp.h src/wire/ipc.c src/wire/ipc.h
src_wire_libwire_a_CFLAGS = $(AM_CFLAGS) $(MSGPACK_CFLAGS)
WIRE_LIBS = src/wire/libwire.a $(MSGPACK_LIBS)
