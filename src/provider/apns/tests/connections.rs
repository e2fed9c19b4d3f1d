//! Connections: how many, how full, and what becomes of the pushes on one that breaks.
