//! Scenarios on the real machine: systemd as pid 1, dbus-daemon, polkit, OpenZFS and MariaDB.
//!
//! One machine serves them all, one after the other; each starts from the order that `tidy.sh` restores.

#![forbid(unsafe_code)]

mod allowed;
mod bad_input;
mod blocker;
mod check;
mod clones;
mod disturbed;
mod early_cut;
mod faults;
mod foreign;
mod freeze;
mod guards;
mod hooks;
mod qemus_agent;
mod refused;
mod restore;
mod sandbox;
mod setup;
mod slow_disk;
mod targets;
mod vanished;
mod wait;
