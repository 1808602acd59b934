sbin_PROGRAMS += sallyportd
sallyportd_SOURCES = src/cmd/sallyportd.c
sallyportd_LDADD = src/server/libserver.a src/session/libsession.a $(STORE_LIBS) $(RECORD_LIBS) src/policy/libpolicy.a \
	src/ident/libident.a $(DETECT_LIBS) $(MASK_LIBS) $(CONF_LIBS) $(SQL_LIBS) $(WIRE_LIBS) $(BASE_LIBS) \
	$(BASE_TLS_LIBS) $(LIBSSH_LIBS) $(LIBPQ_LIBS) $(SECCOMP_LIBS)
# bin_PROGRAMS += sallyport
