noinst_LIBRARIES += src/mask/libmask.a
src_mask_libmask_a_SOURCES = src/mask/mask.c src/mask/mask.h src/mask/kind.h src/mask/form.h src/mask/text.c src/mask/number.c
MASK_LIBS = src/mask/libmask.a
