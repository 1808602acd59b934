noinst_LIBRARIES += src/record/librecord.a
src_record_librecord_a_SOURCES = src/record/recorder.c src/record/recorder.h src/record/recdir.c src/record/recdir.h \
	src/record/zst.c src/record/zst.h src/record/segment.c src/record/segment.h src/record/reader.c src/record/reader.h \
	src/record/seal.c src/record/seal.h src/record/recover.c src/record/merkle.c src/record/merkle.h \
	src/record/checkpoint.c src/record/checkpoint.h src/record/logkey.c src/record/logkey.h src/record/ledger.c src/record/ledger.h \
	src/record/verify.c src/record/verify.h src/record/verify_int.h src/record/verify_log.c src/record/verify_session.c \
	src/record/render.c src/record/render.h src/record/render_int.h src/record/render_text.c src/record/render_json.c \
	src/record/player.c src/record/player.h
src_record_librecord_a_CFLAGS = $(AM_CFLAGS) $(ZSTD_CFLAGS)
RECORD_LIBS = src/record/librecord.a $(ZSTD_LIBS)
