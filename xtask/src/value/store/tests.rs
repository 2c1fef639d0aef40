use super::*;

#[test]
fn servers_that_take_keys_back() {
    for (version, want) in [
        ("2.3.5", false),
        ("v2.6.1", true),
        ("2.6.0-rc1", true),
        ("3.0", true),
        ("lite", false),
        ("", false),
    ] {
        assert_eq!(keeps_auto_ids(version), want, "{version}");
    }
}

#[test]
fn collections_differ_by_what_is_in_them() {
    let collections = |all: &[(&str, u64, &str)]| Collections {
        collections: all
            .iter()
            .map(|(n, e, s)| Collection {
                name: (*n).into(),
                entities: *e,
                sha256: (*s).into(),
                auto_ids: false,
            })
            .collect(),
        changed: Vec::new(),
    };

    let wanted = collections(&[("a", 1, "x"), ("b", 2, "y"), ("c", 3, "z")]);
    assert_eq!(wanted.differences(&wanted), Vec::<String>::new());

    let found = collections(&[("a", 1, "other"), ("b", 5, "y"), ("d", 1, "")]);
    assert_eq!(
        wanted.differences(&found),
        [
            "the entities of the collection `a` differ",
            "the collection `b` has 5 entities instead of 2",
            "the collection `c` is missing",
            "the collection `d` should not be there",
        ]
    );
}
