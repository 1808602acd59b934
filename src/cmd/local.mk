# sbin_PROGRAMS += sallyportd
# bin_PROGRAMS += sallyport
