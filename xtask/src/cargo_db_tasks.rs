//! `cargo db-tasks db-backup`, and `cargo xtask db-backup` where `xtask` is its alias.
fn main() -> std::process::ExitCode {
    db_tasks::main()
}
