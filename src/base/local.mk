noinst_LIBRARIES += src/base/libbase.a
src_base_libbase_a_SOURCES = src/base/err.c src/base/err.h src/base/span.c src/base/span.h src/base/cur.h \
	src/base/buf.c src/base/buf.h src/base/mem.c src/base/mem.h src/base/secret.c src/base/secret.h \
	src/base/crypto.c src/base/crypto.h src/base/log.c src/base/log.h src/base/clock.c src/base/clock.h \
	src/base/file.c src/base/file.h src/base/loop.c src/base/loop.h src/base/words.c src/base/words.h \
	src/base/tls.c src/base/tls.h
BASE_LIBS = src/base/libbase.a $(CRYPTO_LIBS)
# behind BASE_LIBS, for programs that use base/tls
BASE_TLS_LIBS = $(SSL_LIBS)
