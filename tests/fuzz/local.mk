# Fuzz targets: with --enable-fuzz they are libFuzzer programs (make fuzz); otherwise each is linked with a small
# driver that replays its corpus (make check).
FUZZ_TARGETS =
include tests/fuzz/targets.mk
if FUZZ
noinst_PROGRAMS += $(FUZZ_TARGETS)
FUZZ_MAIN = $(FUZZ_ENGINE)
FUZZ_REPLAY =
else
check_PROGRAMS += $(FUZZ_TARGETS)
FUZZ_MAIN = tests/fuzz/libreplay.a
check_LIBRARIES = tests/fuzz/libreplay.a
tests_fuzz_libreplay_a_SOURCES = tests/fuzz/replay_main.c
TESTS += tests/fuzz/replay.sh
endif
EXTRA_DIST += tests/fuzz/replay.sh
FUZZ_SECONDS = 60
fuzz: $(FUZZ_TARGETS)
	@set -e; for t in $(FUZZ_TARGETS); do n=$${t##*/}; mkdir -p fuzz-work/$$n; \
	  echo "== $$n"; ./$$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=3000 -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=fuzz-work/$$n- fuzz-work/$$n $(top_srcdir)/tests/fuzz/corpus/$$n; done
.PHONY: fuzz
