//! The database schema of Tidings, one source for SQLite and PostgreSQL.
