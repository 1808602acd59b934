# lint, format
.PHONY: lint format coverage
lint:
	@$(top_srcdir)/tools/lint.py
	@for m in $(top_srcdir)/man/*.[1-9]; do [ -e "$$m" ] || continue; mandoc -Tlint -Wwarning "$$m" || exit 1; done
format:
	@cd $(top_srcdir) && git ls-files '*.c' '*.h' | xargs clang-format -i
coverage: check
	@gcov -o src $$(find src -name '*.gcda') > coverage.txt 2>/dev/null || true; grep -A1 "File '.*src/" coverage.txt | head -400
EXTRA_DIST += tools/lint.py tools/regen.sh tools/gen-pgfuncs.sh
