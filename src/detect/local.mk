noinst_LIBRARIES += src/detect/libdetect.a
src_detect_libdetect_a_SOURCES = src/detect/detect.h src/detect/name.c src/detect/split.c src/detect/split.h \
	src/detect/vocab.c src/detect/vocab.h src/detect/lexicon.c src/detect/lexalias.c src/detect/lexicon.h \
	src/detect/value.c src/detect/value.h
DETECT_LIBS = src/detect/libdetect.a
