//! `cargo db-tasks db-backup`, and `cargo xtask db-backup` if `xtask` is its alias.
fn main() -> std::process::ExitCode {
    db_tasks::main()
}
