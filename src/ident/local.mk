noinst_LIBRARIES += src/ident/libident.a
src_ident_libident_a_SOURCES =
src_ident_libident_a_SOURCES += src/ident/issue.c src/ident/issue.h src/ident/krl.c src/ident/krl.h src/ident/json.c src/ident/json.h src/ident/jws.c src/ident/jws.h \
	src/ident/jwt.c src/ident/jwt.h src/ident/oidc.c src/ident/oidc.h
src_ident_libident_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CJOSE_CFLAGS)
IDENT_LIBS = src/ident/libident.a $(JANSSON_LIBS)
# for programs that verify tokens
IDENT_JWT_LIBS = $(IDENT_LIBS) $(CJOSE_LIBS)
