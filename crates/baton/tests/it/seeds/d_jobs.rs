//! D: jobs by robot, state and time; starting and stopping them.
