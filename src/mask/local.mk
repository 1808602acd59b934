noinst_LIBRARIES += src/mask/libmask.a
src_mask_libmask_a_SOURCES =
