use super::*;
use crate::value::tree::{Given, granted};

proptest::proptest! {
    #[test]
    fn any_attribute_is_read_back(value in proptest::collection::vec(0u8.., 0..70), name in "[a-z%=\n ü]{1,9}") {
        let attributes = Attributes::from([(format!("user.{name}"), Target(value))]);
        let mut found = Attributes::new();
        for (key, value) in records(&attributes) {
            proptest::prop_assert!(!key.contains(['\n', '=']));
            let (key, value) = in_one_line(key.as_bytes(), &value).unwrap_or((key.into_bytes(), value));
            take(&mut found, &key, &value).unwrap();
        }
        proptest::prop_assert_eq!(found, attributes);
    }
}

#[test]
fn names_that_are_kept_and_values_of_others() {
    for (text, want) in [
        ("", Some("")),
        ("aGVsbG8", Some("hello")),
        ("aGVsbG8=", Some("hello")),
        ("a", None),
        ("a b!", None),
    ] {
        assert_eq!(unbase64(text.as_bytes()).as_deref(), want.map(str::as_bytes), "{text}");
    }

    for (name, kept) in [
        ("user.note", true),
        ("system.posix_acl_access", true),
        ("security.capability", true),
        ("trusted.x", true),
        ("trusted.overlay.opaque", false),
        ("security.selinux", false),
        ("system.nfs4_acl", false),
    ] {
        let mut found = Attributes::new();
        take(&mut found, format!("SCHILY.xattr.{name}").as_bytes(), b"x").unwrap();
        assert_eq!(found.len(), usize::from(kept), "{name}");
    }

    for (key, want) in [
        ("SCHILY.xattr.user.a", None),
        ("SCHILY.xattr.security.selinux", None),
        ("SCHILY.xattr.system.nfs4_acl", Some(What::AttributesLost)),
        ("SCHILY.acl.access", Some(What::AttributesUnknown)),
        ("mtime", None),
    ] {
        assert_eq!(missed(key.as_bytes()), want, "{key}");
    }

    assert!(take(&mut Attributes::new(), b"LIBARCHIVE.xattr.user.a", b"!").is_err());
    let all = ["user.a", "security.capability"].map(|name| (name.to_owned(), Target(Vec::new())));
    assert_eq!(
        granted(&all.clone().into(), Given::Plain).into_keys().collect::<Vec<_>>(),
        ["user.a"]
    );
    assert_eq!(granted(&all.into(), Given::All).len(), 2);
}
