//! How many sessions a role or a database may have at once: we can't get around such a limit.

/// Asks for the limit of our role; -1 if it has none.
pub const LIMIT: &str = "SELECT CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END FROM \
                     pg_catalog.pg_roles WHERE rolname = current_user;\n";

/// How many sessions a run that changes data holds at once, including one that terminates blocking
/// sessions.
pub const NEEDED: i64 = 4;
/// How many of them are in the database itself, if it is emptied, filled or backed up there.
pub const NEEDED_WITHIN: i64 = 2;

/// Whether there is room for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// As far as is known.
    Enough,
    /// Not while so many others are connected.
    Taken,
    /// Never.
    Never,
}

/// Whether a limit, with so many in use, leaves room for so many more; -1 is no limit.
pub fn room(limit: i64, others: i64, needed: i64) -> Room {
    match limit {
        ..0 => Room::Enough,
        limit if limit < needed => Room::Never,
        limit if limit - others < needed => Room::Taken,
        _ => Room::Enough,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_leaves_room_or_does_not() {
        for (limit, others, want) in [
            (-1, 1000, Room::Enough),
            (0, 0, Room::Never),
            (3, 0, Room::Never),
            (4, 0, Room::Enough),
            (4, 1, Room::Taken),
            (20, 16, Room::Enough),
            (20, 17, Room::Taken),
            (20, 30, Room::Taken),
        ] {
            assert_eq!(room(limit, others, NEEDED), want, "{limit} {others}");
        }
    }
}
