//! One server, Apple and phones on real ports: what a caller and a phone see.

mod delivery;
mod flight;
mod harness;
