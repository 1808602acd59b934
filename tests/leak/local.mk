# non-interference: two databases that differ in masked values only, and nothing a client gets may differ (tests/leak/run.sh)
.PHONY: fuzz-leak
fuzz-leak: sallyport sallyportd sallyport-fetch sallyport-web
	SP_BUILD=$(abs_builddir) bash $(top_srcdir)/tests/leak/run.sh
EXTRA_DIST += tests/leak
