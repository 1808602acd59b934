noinst_LIBRARIES += src/policy/libpolicy.a
src_policy_libpolicy_a_SOURCES =
src_policy_libpolicy_a_SOURCES += src/policy/address.c src/policy/address.h src/policy/certcheck.c src/policy/certcheck.h
src_policy_libpolicy_a_SOURCES += src/policy/verdict.c src/policy/verdict.h src/policy/view.c src/policy/view.h \
	src/policy/resolve.c src/policy/resolve.h
