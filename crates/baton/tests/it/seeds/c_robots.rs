//! C: sessions, robots, their logs and their passwords.
