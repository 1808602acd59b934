noinst_LIBRARIES += src/server/libserver.a
src_server_libserver_a_SOURCES =
src_server_libserver_a_SOURCES += src/server/signer.c src/server/signer.h src/server/signkey.c src/server/signkey.h \
	src/server/signca.c src/server/signca.h src/server/signagent.c src/server/signagent.h \
	src/server/signhead.c src/server/signhead.h src/server/archiver.c src/server/archiver.h
# the listener and the main process
src_server_libserver_a_SOURCES += src/server/throttle.c src/server/throttle.h src/server/limage.c src/server/limage.h \
	src/server/lstart.c src/server/listener.c src/server/listener.h src/server/daemon.c src/server/daemon.h \
	src/server/dsetup.c src/server/dsetup.h src/server/helper.c src/server/helper.h src/server/notify.c \
	src/server/notify.h src/server/title.c src/server/title.h src/server/helper_exec.c src/server/helper_exec.h \
	src/server/keeper.c src/server/keeper.h src/server/web_start.c src/server/web_start.h
# the monitor
src_server_libserver_a_SOURCES += src/server/monitor.c src/server/monitor.h src/server/mon.h src/server/peer.c \
	src/server/permit.c src/server/permit.h src/server/ident.c src/server/ident.h src/server/mon_auth.c \
	src/server/mon_issue.c src/server/mon_expire.c src/server/mon_ca.c src/server/mon_ca.h src/server/mon_casign.c src/server/ctl_ca.c \
	src/server/mon_login.c src/server/mon_who.c \
	src/server/login.h src/server/mon_idp.c src/server/mon_weblogin.c src/server/mon_web.c src/server/ctl_host.c \
	src/server/mon_target.c src/server/mon_reload.c src/server/mon_view.c src/server/mon_cred.c src/server/mon_connect.c \
	src/server/mon_session.c src/server/mon_seal.c src/server/mon_log.c src/server/hold.c src/server/hold.h \
	src/server/hold_rules.c src/server/hold_stand.c src/server/spawn.c src/server/cmdline.c src/server/cmdline.h src/server/chan.c \
	src/server/chan.h src/server/child.c src/server/child.h src/server/reaper.c src/server/reaper.h \
	src/server/verbs.c src/server/verbs.h src/server/ctl.c src/server/ctl.h src/server/ctl_who.c src/server/ctl_config.c \
	src/server/ctl_cert.c src/server/ctl_delegate.c src/server/ctl_enroll.c src/server/ctl_hold.c src/server/ctl_sess.c src/server/ctl_admin.c src/server/ctl_revoke.c src/server/ctl_certs.c
# what programs executed by sallyportd have in common with it
noinst_LIBRARIES += src/server/libhelper.a
src_server_libhelper_a_SOURCES = src/server/helper_main.c src/server/title.c src/server/chan.c src/server/sandbox.c \
	src/server/sandbox_files.c src/server/sandbox_calls.c
# the program sallyport-web; libmicrohttpd is nobody else's
noinst_LIBRARIES += src/server/libweb.a
src_server_libweb_a_SOURCES = src/server/web.c src/server/web.h src/server/web_main.c src/server/web_http.c \
	src/server/web_http.h src/server/web_page.c src/server/web_page.h src/server/web_token.c src/server/web_token.h \
	src/server/web_form.c src/server/web_form.h src/server/throttle.c
src_server_libweb_a_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS)
WEB_LIBS = src/server/libweb.a src/server/libhelper.a src/policy/libpolicy.a $(WIRE_LIBS) $(BASE_LIBS) $(SECCOMP_LIBS) \
	$(MICROHTTPD_LIBS)
# the program sallyport-fetch; libcurl is nobody else's
noinst_LIBRARIES += src/server/libfetch.a
src_server_libfetch_a_SOURCES = src/server/fetcher.c src/server/fetcher.h src/server/fetch.h src/server/fetch_block.c \
	src/server/fetch_disc.c src/server/fetch_verify.c src/server/fetch_login.c src/server/fetch_device.c src/server/fetch_code.c \
	src/server/fetch_token.c src/server/fetch_http.c src/server/fetch_http.h src/server/fetch_dns.c src/server/fetch_dns.h
src_server_libfetch_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
# what a program with the monitor links, in order
MONITOR_LIBS = src/server/libserver.a $(STORE_LIBS) $(RECORD_LIBS) src/policy/libpolicy.a src/ident/libident.a \
	$(CONF_LIBS) $(WIRE_LIBS) $(BASE_LIBS) $(BASE_TLS_LIBS) $(SECCOMP_LIBS)
# the sandbox: the only file that sees libseccomp is sandbox_calls.c; programs that link it add $(SECCOMP_LIBS)
src_server_libserver_a_SOURCES += src/server/sandbox.c src/server/sandbox.h src/server/sandboxint.h \
	src/server/sandbox_files.c src/server/sandbox_calls.c
