//! Scenarios on the real machine.
