use super::*;

fn census(entries: &[(&str, Kind, u32, i64)]) -> Census {
    let entry = |kind: &Kind, mode, secs| {
        let mtime = Moment { secs, nanos: 0 };
        Entry { kind: kind.clone(), mode, mtime, owner: (0, 0), attributes: Attributes::new() }
    };
    let entries = entries
        .iter()
        .map(|(name, kind, mode, secs)| (name.parse().unwrap(), entry(kind, *mode, *secs)));
    Census { entries: entries.collect(), remarks: vec![] }
}

#[test]
fn every_difference_is_told() {
    let file =
        |bytes, digit: &str| Kind::File { bytes, print: digit.repeat(64).try_into().unwrap() };
    let link = |to: &str| Kind::Symlink { to: Target(to.into()) };

    let wanted = census(&[
        ("a", file(1, "a"), 0o644, 1),
        ("b", file(1, "a"), 0o644, 1),
        ("c", link("a"), 0o777, 1),
        ("d", Kind::Folder, 0o755, 1),
        ("e", Kind::Folder, 0o755, 1),
        ("f", Kind::Folder, 0o755, 1),
        ("g", file(1, "a"), 0o644, 1),
        ("same", file(1, "a"), 0o644, 1),
        ("same2", Kind::Hardlink { to: "same".parse().unwrap() }, 0o644, 1),
        ("twin", Kind::Hardlink { to: "same".parse().unwrap() }, 0o644, 1),
    ]);

    let found = census(&[
        ("a", file(2, "a"), 0o644, 1),
        ("b", file(1, "b"), 0o644, 1),
        ("c", link("b"), 0o777, 1),
        ("d", file(1, "a"), 0o755, 1),
        ("e", Kind::Folder, 0o700, 1),
        ("f", Kind::Folder, 0o755, 2),
        ("h", Kind::Folder, 0o755, 1),
        ("same", Kind::Hardlink { to: "same2".parse().unwrap() }, 0o644, 1),
        ("same2", file(1, "a"), 0o644, 1),
        ("twin", file(1, "a"), 0o644, 1),
    ]);

    let told: Vec<String> = differences(&wanted, &found).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`a` has 2 bytes instead of 1",
            "`b` has other content",
            "`c` leads elsewhere",
            "`d` is a file instead of a folder",
            "`e` has mode 700 instead of 755",
            "`f` has another modification time",
            "`g` is missing",
            "`h` should not be there",
            "`twin` is a name of another file",
        ]
    );

    assert_eq!(differences(&wanted, &wanted), []);
}
