//! The `db-tasks` program: `cargo xtask db-backup` and so on.
fn main() -> std::process::ExitCode {
    db_tasks::main()
}
