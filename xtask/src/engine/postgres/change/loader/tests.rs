use super::*;

#[test]
fn no_server_cuts_its_name() {
    let long = "a".repeat(80);
    let [one, other] =
        [long.clone(), format!("{long}b")].map(|key| Loader::named("6b09e6591d73", &key));
    assert!(one.len() == 63 && one.starts_with(LOADER) && one != other, "{one} {other}");
    assert_eq!(Loader::named("6b09e6591d73", "main"), "db_tasks_loader_6b09e6591d73_main");
}

/// The exchange of RFC 7677, section 3: user, pencil, its salt. The keys follow from its client
/// proof and server signature; they are those of PostgreSQL's `pg_be_scram_build_secret`
/// for the same.
#[test]
fn keeps_of_a_password_what_a_server_does() {
    let salt = *b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    assert_eq!(
        verifier("pencil", &salt),
        "SCRAM-SHA-256$4096:\
             W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    );
}
