use super::pax::moment;
use super::*;

#[test]
fn times_of_every_kind() {
    for (text, want) in [
        ("12", Some((12, 0))),
        ("12.5", Some((12, 500_000_000))),
        ("1.123456789123", Some((1, 123_456_789))),
        ("-1.25", Some((-2, 750_000_000))),
        ("-3", Some((-3, 0))),
        ("", None),
        ("x", None),
        ("1.x", None),
        ("1.-5", None),
    ] {
        assert_eq!(
            moment(text.as_bytes()),
            want.map(|(secs, nanos)| Moment { secs, nanos }),
            "{text}"
        );
    }
}
