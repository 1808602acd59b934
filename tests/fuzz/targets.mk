# One block per target:
#   FUZZ_TARGETS += tests/fuzz/fuzz_x
#   tests_fuzz_fuzz_x_SOURCES = tests/fuzz/fuzz_x.c
#   tests_fuzz_fuzz_x_LDADD = $(FUZZ_MAIN) src/DIR/libDIR.a ... $(BASE_LIBS)
