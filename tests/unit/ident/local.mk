# unit tests of src/ident
