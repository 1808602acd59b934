noinst_LIBRARIES += src/policy/libpolicy.a
src_policy_libpolicy_a_SOURCES =
src_policy_libpolicy_a_SOURCES += src/policy/address.c src/policy/address.h src/policy/certcheck.c src/policy/certcheck.h
