noinst_LIBRARIES += src/conf/libconf.a
src_conf_libconf_a_SOURCES = src/conf/conf.c src/conf/conf.h src/conf/conf_int.h src/conf/conf_mem.c \
	src/conf/conf_errs.c src/conf/conf_yaml.c src/conf/conf_scalar.c src/conf/conf_scalar.h \
	src/conf/conf_schema.c src/conf/conf_schema.h src/conf/conf_fill.c src/conf/conf_fill.h \
	src/conf/conf_types.c src/conf/conf_check.c src/conf/conf_check_ident.c src/conf/conf_dump.c src/conf/conf_manual.c \
	src/conf/conf_lookup.c src/conf/suggest.c src/conf/suggest.h
src_conf_libconf_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
CONF_LIBS = src/conf/libconf.a $(YAML_LIBS)
