sbin_PROGRAMS += sallyportd
sallyportd_SOURCES = src/cmd/sallyportd.c
sallyportd_LDADD = src/server/libserver.a src/session/libsession.a $(STORE_LIBS) $(RECORD_LIBS) src/policy/libpolicy.a \
	src/ident/libident.a $(DETECT_LIBS) $(MASK_LIBS) $(CONF_LIBS) $(SQL_LIBS) $(WIRE_LIBS) $(BASE_LIBS) \
	$(BASE_TLS_LIBS) $(LIBSSH_LIBS) $(LIBPQ_LIBS) $(SECCOMP_LIBS)

# executed by sallyportd; their libraries are not in it (doc/decisions/0005)
HELPER_LIBS = src/server/libhelper.a $(WIRE_LIBS) $(BASE_LIBS) $(SECCOMP_LIBS)
pkglibexec_PROGRAMS = sallyport-fetch sallyport-web
sallyport_fetch_SOURCES = src/cmd/sallyport_fetch.c
sallyport_fetch_LDADD = src/server/libfetch.a $(IDENT_JWT_LIBS) $(HELPER_LIBS) $(CURL_LIBS)
sallyport_web_SOURCES = src/cmd/sallyport_web.c
sallyport_web_LDADD = $(WEB_LIBS)

# the command: everything but main, so that tests link it, too
noinst_LIBRARIES += src/cmd/libcmd.a
src_cmd_libcmd_a_SOURCES = src/cmd/cli.c src/cmd/cli.h src/cmd/cli_verbs.c src/cmd/cli_verbs.h src/cmd/cli_doc.c \
	src/cmd/ctl.c src/cmd/ctl.h src/cmd/table.c src/cmd/table.h src/cmd/view.c src/cmd/view.h \
	src/cmd/verb_admin.c src/cmd/verb_revoke.c src/cmd/verb_ca.c src/cmd/verb_agent.c src/cmd/verb_ident.c src/cmd/verb_replay.c src/cmd/verb_requests.c src/cmd/verb_sessions.c \
	src/cmd/verb_verify.c src/cmd/verb_policy.c src/cmd/explain.c src/cmd/explain.h \
	src/cmd/console.c src/cmd/console.h src/cmd/console_out.c src/cmd/console_out.h src/cmd/console_tty.c
src_cmd_libcmd_a_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS) $(LIBEDIT_CFLAGS) \
	-DSP_VERSION='"$(PACKAGE_VERSION)"'
CMD_LIBS = src/cmd/libcmd.a src/server/libserver.a src/session/libsession.a $(RECORD_LIBS) src/policy/libpolicy.a \
	$(IDENT_LIBS) $(CONF_LIBS) $(SQL_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(LIBPQ_LIBS) $(LIBEDIT_LIBS)
bin_PROGRAMS += sallyport
sallyport_SOURCES = src/cmd/main_cli.c
sallyport_LDADD = $(CMD_LIBS)

dist_man_MANS = man/sallyport.1 man/sallyport.yaml.5 man/sallyportd.8
bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = share/completion/sallyport
EXTRA_DIST += etc/sallyport.yaml etc/sallyport.service
