# Integration tests are run by tests/run.sh; each script stands alone and leaves through its "not ok" lines.
# soak: random kills of sessions and of the monitor under load, for long; nothing that ran may be missing afterwards.
SOAK_KILLS = 100
.PHONY: soak
soak: sallyport sallyportd
	KILLS=$(SOAK_KILLS) SP_BUILD=$(abs_builddir) bash $(top_srcdir)/tests/integration/60-kill.sh | tee soak.log
	@! grep '^not ok' soak.log && grep -q '^ok' soak.log
CLEANFILES += soak.log
# what the tests need to run from an unpacked archive; folders in which nothing is built are taken whole
EXTRA_DIST += tests/run.sh tests/integration tests/drivers tests/idp tests/vectors share doc \
	tests/support/lab-test.sh tests/support/login-test.sh tests/support/on-postgres.sh tests/support/pgtmp.sh tests/idp \
	tests/support/browser.mjs tests/support/fetcher_test.py tests/support/fetchrig.py tests/support/badidp.py \
	tests/support/pgwire.py tests/support/pglab.py tests/support/recording.py tests/support/secrets_seen.py \
	tests/breaks tests/support/jobidp.py tests/support/badagent.py tests/support/errors_test.py \
	tests/support/startup_test.py tests/support/approvals_cases.py
