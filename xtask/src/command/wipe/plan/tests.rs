use super::*;

#[test]
fn a_table_of_half_done_wipes() {
    let parts = ["rows of app", "rows of app", "uploads: wipe"].map(String::from);
    let back = ["to get the data back: db-restore x".to_owned()];
    let told = |done: &[&str], back: &[String]| {
        half_done(Problem::failed("no").cure("look"), &parts, done, back).to_string()
    };
    let backup = "pipe";

    for (done, says) in [
        (&[][..], "no\n  next: look"),
        (&[backup], "no\n  next: look"),
        (
            &[backup, "rows of app"],
            "no\n  next: to get the data back: db-restore x; and for the rest: look",
        ),
        (
            &[backup, "rows of app", "rows of app"],
            "no\n  next: to get the data back: db-restore x; and for the rest: look",
        ),
        (&[backup, "rows of app", "rows of app", "uploads: wipe"], "no\n  next: look"),
    ] {
        assert_eq!(told(done, &back), says);
    }

    assert!(told(&["rows of app"], &[]).contains("this run made no backup"));
}
