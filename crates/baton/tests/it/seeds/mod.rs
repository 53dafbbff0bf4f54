//! Every request and rule of the documents that describe the API from outside: how to start a job
//! step by step (A), how to build requests (B), and the requests of robots (C), jobs (D) and queue
//! items (E). One test each, named after its number; what is asserted is what the document shows.

mod a_start_a_job;
mod b_building_requests;
mod c_robots;
mod d_classic_jobs;
mod d_jobs;
mod e_queue_items;
