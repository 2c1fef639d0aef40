//! The `db-tasks` program: `cargo xtask db-backup` and its kin.
fn main() -> std::process::ExitCode {
    db_tasks::main()
}
