//! That queues do what they promise, shown three ways: by a model that does the same, by what many
//! callers saw at once, and by what a killed server still knows.

mod driver;
mod model;
mod operations;
mod sequences;
mod showing;
