use super::*;

#[test]
fn long_lines_are_folded_and_lose_nothing() {
    let tables: Vec<String> = (0..2000).map(|n| format!("public.t{n}")).collect();
    let long = format!("TRUNCATE TABLE {} RESTART IDENTITY;", tables.join(", "));
    let lines = folded(&long);

    assert!(lines.iter().all(|line| line.len() < 200), "{lines:#?}");
    assert_eq!(
        lines.concat().split_whitespace().collect::<String>(),
        long.split_whitespace().collect::<String>()
    );
    assert_eq!(folded("SELECT 1, 2;"), ["SELECT 1, 2;"]);
}
