# benchmarks: side by side with sshd's tunnel and a direct connection, one JSON line a figure
.PHONY: bench
bench: sallyport sallyportd
	$(top_srcdir)/tests/bench/bench.py .
EXTRA_DIST += tests/bench/bench.py
EXTRA_PROGRAMS += tests/bench/bench_recorder
tests_bench_bench_recorder_SOURCES = tests/bench/bench_recorder.c
tests_bench_bench_recorder_LDADD = $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
