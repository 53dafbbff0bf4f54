//! At the door: connections that are held open, secrets that are guessed, and names that the server has not.

mod connections;
