use super::*;

#[test]
fn times_are_written_as_pax_has_them() {
    for (secs, nanos, want) in
        [(1, 5, "1.000000005"), (-2, 750_000_000, "-1.250000000"), (-3, 0, "-3.000000000")]
    {
        assert_eq!(decimal(Moment { secs, nanos }), want);
    }
}
