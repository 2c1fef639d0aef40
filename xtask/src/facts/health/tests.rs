use super::folder::short;

#[test]
fn a_disk_is_too_small_for_one_or_for_two() {
    for (left, last, told) in [
        (0, 0, None),
        (2_000, 1_000, None),
        (1_999, 1_000, Some("it may not fit")),
        (1_000, 1_000, Some("it may not fit")),
        (999, 1_000, Some("it will not fit")),
    ] {
        let short = short(left, last);
        assert_eq!(short.is_some(), told.is_some(), "{left} {last}");
        assert!(
            told.is_none_or(|words| short.as_ref().is_some_and(|all| all.contains(words))),
            "{short:?}"
        );
    }
}
