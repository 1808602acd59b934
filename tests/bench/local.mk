# benchmarks: side by side with sshd's tunnel and a direct connection, one JSON line a figure
.PHONY: bench
bench: sallyport sallyportd
	$(top_srcdir)/tests/bench/bench.py .
EXTRA_DIST += tests/bench/bench.py
