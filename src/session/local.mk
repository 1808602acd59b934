noinst_LIBRARIES += src/session/libsession.a
src_session_libsession_a_SOURCES =
# the SSH edge: the only files that see libssh
src_session_libsession_a_SOURCES += src/session/monclient.c src/session/monclient.h \
	src/session/sshio.c src/session/sshio.h src/session/sshedge.c src/session/sshedge.h src/session/sshint.h \
	src/session/sshhost.c src/session/sshhost.h src/session/sshself.c src/session/sshauth.c \
	src/session/sshchan.c src/session/sshexec.c src/session/sshwatch.c
if ATTACK
src_session_libsession_a_SOURCES += src/session/attack.c
endif
EXTRA_DIST += src/session/attack.c
src_session_libsession_a_CFLAGS = $(AM_CFLAGS) $(LIBSSH_CFLAGS) $(LIBPQ_CFLAGS)
# the PostgreSQL upstream: the only files that see libpq (pgup.c) and the taken-over TLS object (pgio.c)
src_session_libsession_a_SOURCES += src/session/pgup.c src/session/pgup.h src/session/pgupint.h src/session/pgupself.c \
	src/session/pguperr.c src/session/pguperr.h src/session/pgtrace.c src/session/pgtrace.h \
	src/session/pgio.c src/session/pgio.h src/session/sockgive.c src/session/sockgive.h \
	src/session/heapwipe.c src/session/heapwipe.h
# the PostgreSQL proxy
src_session_libsession_a_SOURCES += src/session/pgproxy.c src/session/pgproxy.h src/session/px.h src/session/px_start.c \
	src/session/px_text.c src/session/px_names.c src/session/px_record.c src/session/px_front.c src/session/px_meaning.c src/session/px_front.h \
	src/session/px_ext.c src/session/px_queue.c src/session/px_back.c \
	src/session/px_own.c src/session/px_up.c src/session/px_up.h src/session/px_guard.c src/session/px_effect.c src/session/px_mask.c src/session/px_catalog.c src/session/px_catalog.h \
	src/session/px_catload.c src/session/px_known.c src/session/px_hold.c src/session/px_life.c
# texts of the server, settings of the client
src_session_libsession_a_SOURCES += src/session/px_scrub.c src/session/px_setting.c
