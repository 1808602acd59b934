# unit tests of src/detect
