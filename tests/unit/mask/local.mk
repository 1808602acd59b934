# unit tests of src/mask
