# One block per target:
#   FUZZ_TARGETS += tests/fuzz/fuzz_x
#   tests_fuzz_fuzz_x_SOURCES = tests/fuzz/fuzz_x.c
#   tests_fuzz_fuzz_x_LDADD = $(FUZZ_MAIN) src/DIR/libDIR.a ... $(BASE_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_pg
tests_fuzz_fuzz_pg_SOURCES = tests/fuzz/fuzz_pg.c
tests_fuzz_fuzz_pg_LDADD = $(FUZZ_MAIN) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_pg/extended tests/fuzz/corpus/fuzz_pg/simple tests/fuzz/corpus/fuzz_pg/result \
	tests/fuzz/corpus/fuzz_pg/misc tests/fuzz/corpus/fuzz_pg/startup
FUZZ_TARGETS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c
tests_fuzz_fuzz_conf_LDADD = $(FUZZ_MAIN) $(CONF_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_conf/sample.yaml tests/fuzz/corpus/fuzz_conf/alias tests/fuzz/corpus/fuzz_conf/small \
	tests/fuzz/corpus/fuzz_conf/deep tests/fuzz/corpus/fuzz_conf/rules
FUZZ_TARGETS += tests/fuzz/fuzz_pgtrace
tests_fuzz_fuzz_pgtrace_SOURCES = tests/fuzz/fuzz_pgtrace.c
tests_fuzz_fuzz_pgtrace_LDADD = $(FUZZ_MAIN) src/session/libsession.a $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_pgtrace/good tests/fuzz/corpus/fuzz_pgtrace/error
FUZZ_TARGETS += tests/fuzz/fuzz_sshcert
tests_fuzz_fuzz_sshcert_SOURCES = tests/fuzz/fuzz_sshcert.c
tests_fuzz_fuzz_sshcert_LDADD = $(FUZZ_MAIN) src/policy/libpolicy.a $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_sshcert/cert-ed tests/fuzz/corpus/fuzz_sshcert/cert-ec tests/fuzz/corpus/fuzz_sshcert/cert-rsa \
	tests/fuzz/corpus/fuzz_sshcert/key-ed tests/fuzz/corpus/fuzz_sshcert/key-ec
FUZZ_TARGETS += tests/fuzz/fuzz_sshkey
tests_fuzz_fuzz_sshkey_SOURCES = tests/fuzz/fuzz_sshkey.c
tests_fuzz_fuzz_sshkey_LDADD = $(FUZZ_MAIN) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_sshkey/private tests/fuzz/corpus/fuzz_sshkey/public tests/fuzz/corpus/fuzz_sshkey/certificate \
	tests/fuzz/corpus/fuzz_sshkey/protected
FUZZ_TARGETS += tests/fuzz/fuzz_sshagent
tests_fuzz_fuzz_sshagent_SOURCES = tests/fuzz/fuzz_sshagent.c
tests_fuzz_fuzz_sshagent_LDADD = $(FUZZ_MAIN) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_sshagent/keys tests/fuzz/corpus/fuzz_sshagent/none tests/fuzz/corpus/fuzz_sshagent/signature \
	tests/fuzz/corpus/fuzz_sshagent/failure tests/fuzz/corpus/fuzz_sshagent/head
FUZZ_TARGETS += tests/fuzz/fuzz_recreader
tests_fuzz_fuzz_recreader_SOURCES = tests/fuzz/fuzz_recreader.c
tests_fuzz_fuzz_recreader_LDADD = $(FUZZ_MAIN) $(RECORD_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_recreader/raw-text tests/fuzz/corpus/fuzz_recreader/raw-json \
	tests/fuzz/corpus/fuzz_recreader/raw-all tests/fuzz/corpus/fuzz_recreader/raw-cut tests/fuzz/corpus/fuzz_recreader/sealed \
	tests/fuzz/corpus/fuzz_recreader/entries tests/fuzz/corpus/fuzz_recreader/checkpoint
FUZZ_TARGETS += tests/fuzz/fuzz_lineage
tests_fuzz_fuzz_lineage_SOURCES = tests/fuzz/fuzz_lineage.c
tests_fuzz_fuzz_lineage_LDADD = $(FUZZ_MAIN) $(SQL_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_lineage/select tests/fuzz/corpus/fuzz_lineage/update tests/fuzz/corpus/fuzz_lineage/tree
FUZZ_TARGETS += tests/fuzz/fuzz_mask
tests_fuzz_fuzz_mask_SOURCES = tests/fuzz/fuzz_mask.c
tests_fuzz_fuzz_mask_LDADD = $(FUZZ_MAIN) $(MASK_LIBS) $(DETECT_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_mask/email tests/fuzz/corpus/fuzz_mask/card tests/fuzz/corpus/fuzz_mask/date \
	tests/fuzz/corpus/fuzz_mask/text
FUZZ_TARGETS += tests/fuzz/fuzz_pgfacts
tests_fuzz_fuzz_pgfacts_SOURCES = tests/fuzz/fuzz_pgfacts.c
tests_fuzz_fuzz_pgfacts_LDADD = $(FUZZ_MAIN) $(SQL_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_pgfacts/select tests/fuzz/corpus/fuzz_pgfacts/dml tests/fuzz/corpus/fuzz_pgfacts/ddl \
	tests/fuzz/corpus/fuzz_pgfacts/set tests/fuzz/corpus/fuzz_pgfacts/body tests/fuzz/corpus/fuzz_pgfacts/scs \
	tests/fuzz/corpus/fuzz_pgfacts/misc
FUZZ_TARGETS += tests/fuzz/fuzz_mp
tests_fuzz_fuzz_mp_SOURCES = tests/fuzz/fuzz_mp.c
tests_fuzz_fuzz_mp_LDADD = $(FUZZ_MAIN) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_mp/scalars tests/fuzz/corpus/fuzz_mp/map tests/fuzz/corpus/fuzz_mp/ext \
	tests/fuzz/corpus/fuzz_mp/floats tests/fuzz/corpus/fuzz_mp/nested tests/fuzz/corpus/fuzz_mp/bomb \
	tests/fuzz/corpus/fuzz_mp/array32 tests/fuzz/corpus/fuzz_mp/map32
FUZZ_TARGETS += tests/fuzz/fuzz_ipc
tests_fuzz_fuzz_ipc_SOURCES = tests/fuzz/fuzz_ipc.c
tests_fuzz_fuzz_ipc_LDADD = $(FUZZ_MAIN) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_ipc/auth tests/fuzz/corpus/fuzz_ipc/fail tests/fuzz/corpus/fuzz_ipc/duplicate \
	tests/fuzz/corpus/fuzz_ipc/nul tests/fuzz/corpus/fuzz_ipc/trailing
FUZZ_TARGETS += tests/fuzz/fuzz_cmdline
tests_fuzz_fuzz_cmdline_SOURCES = tests/fuzz/fuzz_cmdline.c
tests_fuzz_fuzz_cmdline_LDADD = $(FUZZ_MAIN) src/server/libserver.a $(CONF_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_cmdline/sql tests/fuzz/corpus/fuzz_cmdline/quotes tests/fuzz/corpus/fuzz_cmdline/approve \
	tests/fuzz/corpus/fuzz_cmdline/open
FUZZ_TARGETS += tests/fuzz/fuzz_jwt
tests_fuzz_fuzz_jwt_SOURCES = tests/fuzz/fuzz_jwt.c tests/support/jwtmake.c tests/support/jwtmake.h
tests_fuzz_fuzz_jwt_LDADD = $(FUZZ_MAIN) $(IDENT_JWT_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_jwt/token tests/fuzz/corpus/fuzz_jwt/none tests/fuzz/corpus/fuzz_jwt/claims \
	tests/fuzz/corpus/fuzz_jwt/overage tests/fuzz/corpus/fuzz_jwt/odd tests/fuzz/corpus/fuzz_jwt/header \
	tests/fuzz/corpus/fuzz_jwt/header-rsa
FUZZ_TARGETS += tests/fuzz/fuzz_jwks
tests_fuzz_fuzz_jwks_SOURCES = tests/fuzz/fuzz_jwks.c
tests_fuzz_fuzz_jwks_LDADD = $(FUZZ_MAIN) $(IDENT_JWT_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_jwks/ec tests/fuzz/corpus/fuzz_jwks/rsa tests/fuzz/corpus/fuzz_jwks/p521
FUZZ_TARGETS += tests/fuzz/fuzz_oidc
tests_fuzz_fuzz_oidc_SOURCES = tests/fuzz/fuzz_oidc.c
tests_fuzz_fuzz_oidc_LDADD = $(FUZZ_MAIN) $(IDENT_JWT_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_oidc/discovery tests/fuzz/corpus/fuzz_oidc/device tests/fuzz/corpus/fuzz_oidc/token \
	tests/fuzz/corpus/fuzz_oidc/error tests/fuzz/corpus/fuzz_oidc/address
FUZZ_TARGETS += tests/fuzz/fuzz_web
tests_fuzz_fuzz_web_SOURCES = tests/fuzz/fuzz_web.c
tests_fuzz_fuzz_web_LDADD = $(FUZZ_MAIN) src/server/libweb.a $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_web/callback tests/fuzz/corpus/fuzz_web/confirm tests/fuzz/corpus/fuzz_web/cookie \
	tests/fuzz/corpus/fuzz_web/code tests/fuzz/corpus/fuzz_web/state tests/fuzz/corpus/fuzz_web/url \
	tests/fuzz/corpus/fuzz_web/html tests/fuzz/corpus/fuzz_web/broken
FUZZ_TARGETS += tests/fuzz/fuzz_pgerrors
tests_fuzz_fuzz_pgerrors_SOURCES = tests/fuzz/fuzz_pgerrors.c
tests_fuzz_fuzz_pgerrors_LDADD = $(FUZZ_MAIN) $(SQL_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_pgerrors/statement tests/fuzz/corpus/fuzz_pgerrors/form tests/fuzz/corpus/fuzz_pgerrors/canned
FUZZ_TARGETS += tests/fuzz/fuzz_pgparam
tests_fuzz_fuzz_pgparam_SOURCES = tests/fuzz/fuzz_pgparam.c
tests_fuzz_fuzz_pgparam_LDADD = $(FUZZ_MAIN) $(WIRE_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/fuzz_pgparam/params tests/fuzz/corpus/fuzz_pgparam/array tests/fuzz/corpus/fuzz_pgparam/numeric \
	tests/fuzz/corpus/fuzz_pgparam/lines tests/fuzz/corpus/fuzz_pgparam/arrays
