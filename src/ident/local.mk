noinst_LIBRARIES += src/ident/libident.a
src_ident_libident_a_SOURCES =
