//! The product as its users meet it: the real binary, over HTTP, on both databases.
//!
//! Every file is one area of the API. `BATON_TEST_POSTGRES` names the PostgreSQL server on which the
//! second half of the tests make their databases.

mod support;

mod startup;
