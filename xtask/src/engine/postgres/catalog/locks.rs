//! The lock table: a transaction holds a lock for each table, index, sequence and large object that
//! it creates or drops, and all transactions of a server share one table of a fixed size
//! (<https://www.postgresql.org/docs/current/runtime-config-locks.html>).

use serde::Deserialize;

use crate::engine::postgres::client::sql;

/// How many locks a server can hold, and how many objects there are to lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Locks {
    /// `max_locks_per_transaction`.
    pub each: u64,
    /// How many sessions and prepared transactions each add that much.
    pub backends: u64,
    /// Tables, indexes, sequences and large objects of the database.
    pub objects: u64,
}

/// Asks for them (`NLOCKENTS` in `lock.c`, `InitializeMaxBackends` in `postinit.c`).
pub const QUESTION: &str = sql::part(include_str!("locks.sql"));

/// How many locks each table of a dump needs, roughly: itself, a key, its TOAST table and that
/// one's index.
const OF_A_TABLE: u64 = 4;

/// Too little room in the lock table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// About how many locks are needed.
    pub needed: u64,
    /// For how many there is room.
    pub room: u64,
    /// The `max_locks_per_transaction` that would be enough.
    pub each: u64,
}

impl Locks {
    /// How many locks there is room for; `None` if that is not known.
    pub fn room(&self) -> Option<u64> {
        Some(self.each * self.backends).filter(|room| *room > 0)
    }

    /// What is missing before one transaction can drop everything and create what a dump holds.
    pub fn short_of(&self, tables: u64, large_objects: u64) -> Option<Shortage> {
        let room = self.room()?;
        let needed = self.objects + self.objects.max(tables * OF_A_TABLE + large_objects);
        let each = needed.div_ceil(self.backends).next_multiple_of(64);
        (needed > room).then_some(Shortage { needed, room, each })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_compared_with_what_goes_and_what_comes() {
        let locks = |objects| Locks { each: 64, backends: 122, objects };
        assert_eq!(locks(100).short_of(25, 0), None);
        assert_eq!(Locks::default().short_of(100_000, 0), None, "who can't be asked is not judged");
        let shortage = Shortage { needed: 40_000, room: 7_808, each: 384 };
        assert_eq!(locks(20_000).short_of(5_000, 0), Some(shortage));
        assert!(locks(10).short_of(0, 20_000).is_some());
    }
}
