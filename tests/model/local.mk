# fuzz-protocol: random pipelines, the server's log as the witness. fuzz-effect: generated writes, row counts as the witness.
# FUZZ_N (how many), FUZZ_SECONDS (at most), FUZZ_SEED, FUZZ_JOBS, FUZZ_STOP (failures until it ends); see tests/model/fuzzing.py.
.PHONY: fuzz-protocol fuzz-effect
fuzz-protocol fuzz-effect: sallyport sallyportd sallyport-fetch sallyport-web
	SP_BUILD=$(abs_builddir) bash $(top_srcdir)/tests/model/model.sh $(@:fuzz-%=%)
EXTRA_DIST += tests/model
