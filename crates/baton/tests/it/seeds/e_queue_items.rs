//! E: queue items across folders, by id, and edited.
