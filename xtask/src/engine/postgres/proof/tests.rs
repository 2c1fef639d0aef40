use super::*;

#[test]
fn lines_of_psql_are_lines_of_the_dump() {
    // told before lines 3 and 5: psql's lines 3 and 6 are ours
    for (line, want) in [(1, 1), (2, 2), (4, 3), (5, 4), (7, 5), (8, 6)] {
        assert_eq!(of_dump(line, &[3, 5]), want, "{line}");
    }
}
