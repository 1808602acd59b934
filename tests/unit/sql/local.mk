# unit tests of src/sql
