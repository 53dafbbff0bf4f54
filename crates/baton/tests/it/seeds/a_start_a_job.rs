//! A: from a token to the result of a job, one request after the other.
