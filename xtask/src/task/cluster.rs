//! `db-start` and `db-stop`.
