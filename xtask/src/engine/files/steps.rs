//! The steps of a swap, decided from where the trees are. A pure decision, for this machine and for
//! containers.

use serde::{Deserialize, Serialize};

/// More steps than any swap has.
pub(super) const ENOUGH: usize = 16;

/// Where a tree may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Live,
    Staged,
    Previous,
    Discard,
}

/// Which tree is where. A folder keeps its inode in a rename, so it tells how far a swap has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Slots {
    pub live: Option<u64>,
    pub staged: Option<u64>,
    pub previous: Option<u64>,
    pub discard: Option<u64>,
}

impl Slots {
    pub fn get(&mut self, slot: Slot) -> &mut Option<u64> {
        match slot {
            Slot::Live => &mut self.live,
            Slot::Staged => &mut self.staged,
            Slot::Previous => &mut self.previous,
            Slot::Discard => &mut self.discard,
        }
    }

    /// The state after a step.
    pub fn after(mut self, step: Step) -> Self {
        match step {
            Step::Exchange(with) => {
                let live = self.live;
                self.live = std::mem::replace(self.get(with), live);
            }
            Step::Move(from, to) => *self.get(to) = self.get(from).take(),
            Step::Shelve => self.discard = None,
            Step::Done | Step::Foreign => {}
        }

        self
    }
}

/// The trees of a swap. Only their inodes, not the device: a machine may renumber its disks when it
/// starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    /// The tree that is replaced.
    pub old: Option<u64>,
    /// The tree that takes the live name.
    pub incoming: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Both names change in one instant.
    Exchange(Slot),
    Move(Slot, Slot),
    /// What is discarded gets another name to make room. Nothing is removed while a swap is under
    /// way, because a removal may fail.
    Shelve,
    Done,
    /// The trees are not those of the swap.
    Foreign,
}

/// Whether the file system can exchange two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Can,
    Cannot,
}

/// The next step from wherever the trees are.
pub(super) fn next(slots: Slots, intent: Intent, exchange: Exchange) -> Step {
    use Slot::{Live, Previous, Staged};

    let incoming = Some(intent.incoming);
    let (swapped, untouched) = (slots.live == incoming, slots.live == intent.old);
    let between = slots.live.is_none() && slots.previous == intent.old;

    match (slots.staged == incoming, slots.previous == incoming) {
        // the old tree is where the new one was: an undo will need it
        _ if swapped && intent.old.is_some() && slots.staged == intent.old => {
            if slots.previous.is_none() {
                Step::Move(Staged, Previous)
            } else {
                set_apart(slots, Previous)
            }
        }
        _ if swapped => Step::Done,
        (true, _) if untouched && intent.old.is_none() => Step::Move(Staged, Live),
        (true, _) if untouched && exchange == Exchange::Can => Step::Exchange(Staged),
        (true, _) if untouched && slots.previous.is_some() => set_apart(slots, Previous),
        (true, _) if untouched => Step::Move(Live, Previous),
        (true, _) if between => Step::Move(Staged, Live),
        (_, true) if untouched && intent.old.is_none() => Step::Move(Previous, Live),
        (_, true) if untouched && exchange == Exchange::Can => Step::Exchange(Previous),
        (_, true) if untouched && slots.staged.is_some() => set_apart(slots, Staged),
        (_, true) if untouched => Step::Move(Previous, Staged),
        _ => Step::Foreign,
    }
}

/// Moves a tree that nobody needs to where it will be removed.
fn set_apart(slots: Slots, slot: Slot) -> Step {
    if slots.discard.is_none() { Step::Move(slot, Slot::Discard) } else { Step::Shelve }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Option<u64> = Some(1);
    const NEW: Option<u64> = Some(2);
    const OLDER: Option<u64> = Some(3);
    const LEFT: Option<u64> = Some(4);

    /// No step may run over a tree, and none removes one.
    fn moved(mut slots: Slots, step: Step) -> Slots {
        match step {
            Step::Move(from, to) => assert!(
                slots.get(to).is_none() && slots.get(from).is_some(),
                "{step:?} in {slots:?}"
            ),
            Step::Shelve => assert!(slots.discard.is_some(), "{slots:?}"),
            Step::Exchange(with) => {
                assert!(slots.live.is_some() && slots.get(with).is_some(), "{step:?} in {slots:?}")
            }
            Step::Done | Step::Foreign => unreachable!(),
        }

        slots.after(step)
    }

    /// Every beginning, every file system, and a machine whose file system may be asked again after
    /// each step.
    #[test]
    fn every_swap_and_undo_ends_well_from_wherever_it_was_cut_off() {
        for live in [OLD, None] {
            for previous in [OLDER, None] {
                for discard in [LEFT, None] {
                    let swap = Slots { live, staged: NEW, previous, discard };
                    let undo = Slots { live, staged: previous, previous: NEW, discard };
                    for (start, undoes) in [(swap, false), (undo, true)] {
                        ends_well(start, Intent { old: live, incoming: 2 }, undoes);
                    }
                }
            }
        }
    }

    fn ends_well(start: Slots, intent: Intent, undoes: bool) {
        // after each step, a run that can and one that can't exchange may go on
        let mut open = vec![(start, 0)];
        while let Some((slots, steps)) = open.pop() {
            assert!(steps < ENOUGH, "{start:?} {intent:?}");

            for exchange in [Exchange::Can, Exchange::Cannot] {
                match next(slots, intent, exchange) {
                    Step::Foreign => panic!("{start:?} {intent:?}: lost at {slots:?}"),
                    Step::Done => {
                        assert_eq!(slots.live, NEW);
                        let kept = [slots.staged, slots.previous];
                        assert!(
                            intent.old.is_none() || slots.previous == OLD,
                            "{start:?}: {slots:?}"
                        );
                        assert!(undoes || intent.old.is_some() || !kept.contains(&OLD));
                    }
                    step => {
                        let after = moved(slots, step);
                        assert!(
                            after.live.is_some()
                                || exchange == Exchange::Cannot
                                || slots.live.is_none(),
                            "{slots:?} {step:?}"
                        );
                        open.push((after, steps + 1));
                    }
                }
            }
        }
    }

    #[test]
    fn trees_of_others_stop_it() {
        let intent = Intent { old: OLD, incoming: 2 };

        for slots in [
            Slots { live: Some(9), staged: NEW, ..Slots::default() },
            Slots { live: OLD, staged: Some(9), ..Slots::default() },
            Slots { live: OLD, ..Slots::default() },
            Slots { live: None, staged: NEW, previous: OLDER, discard: None },
        ] {
            assert_eq!(next(slots, intent, Exchange::Can), Step::Foreign, "{slots:?}");
        }
    }
}
