//! B: addresses, folder headers, query options, verbs.
