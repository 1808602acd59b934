noinst_LIBRARIES += src/detect/libdetect.a
src_detect_libdetect_a_SOURCES =
