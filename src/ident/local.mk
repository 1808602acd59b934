noinst_LIBRARIES += src/ident/libident.a
src_ident_libident_a_SOURCES =
src_ident_libident_a_SOURCES += src/ident/issue.c src/ident/issue.h
IDENT_LIBS = src/ident/libident.a
