//! The steps of a swap: a pure decision from the existing names and marks, so that wherever a run
//! was killed the next one knows how to continue, and a dry run can show them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::facts::Load;
use super::mark::{Mark, Role, Slot};

/// More steps than a swap of any database has.
const ENOUGH: usize = 1_000_000;

/// One call to Milvus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Changes what a collection of ours is for, or makes a live one ours.
    Mark {
        /// The collection.
        name: String,
        /// Its new mark; `None` makes it a live one like any other.
        mark: Option<Mark>,
    },
    /// Gives a collection another name.
    Rename {
        /// The name it has.
        from: String,
        /// The name it gets.
        to: String,
    },
    /// Loads a collection.
    Load {
        /// The collection.
        name: String,
        /// How far.
        load: Load,
    },
    /// Releases a collection from memory.
    Release {
        /// The collection.
        name: String,
    },
    /// Points an alias to a collection, in one instant if it pointed to another.
    PutAlias {
        /// The alias.
        alias: String,
        /// Where it leads.
        to: String,
    },
    /// Removes an alias.
    DropAlias {
        /// The alias.
        alias: String,
    },
    /// Removes a collection of ours, with its data.
    Drop {
        /// The collection.
        name: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark { name, mark: None } => write!(f, "remove our mark from `{name}`"),
            Self::Mark { name, mark: Some(mark) } => write!(f, "mark `{name}` as {}", mark.role),
            Self::Rename { from, to } => write!(f, "rename `{from}` to `{to}`"),
            Self::Load { name, .. } => write!(f, "load `{name}`"),
            Self::Release { name } => write!(f, "release `{name}`"),
            Self::PutAlias { alias, to } => write!(f, "point the alias `{alias}` to `{to}`"),
            Self::DropAlias { alias } => write!(f, "drop the alias `{alias}`"),
            Self::Drop { name } => write!(f, "drop `{name}`"),
        }
    }
}

/// What a swap needs to know about a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub aliases: Vec<String>,
    pub load: Load,
    pub mark: Option<Mark>,
}

/// All collections by their names.
pub(super) type State = BTreeMap<String, Held>;

/// Which collections take the live names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Staged,
    Previous,
    /// Those that are kept, after a swap whose other parts failed: what it moved aside is needed
    /// again.
    Back,
}

/// The first steps, after which nothing has its new name yet, but everything that will get one is
/// marked.
pub(super) fn begin(state: &State, from: From) -> Vec<Step> {
    let mut steps = if from == From::Back { Vec::new() } else { discard(state) };

    for (name, held) in state {
        let mark = match &held.mark {
            None => {
                let (aliases, load) = (held.aliases.clone(), held.load.clone());
                Mark { role: Role::Outgoing, base: name.clone(), aliases, load }
            }
            Some(mark) => match (mark.role, mark.slot(name), from) {
                (Role::Staged, Some(Slot::Staged), From::Staged)
                | (Role::Previous, Some(Slot::Previous), From::Previous | From::Back) => {
                    mark.as_role(Role::Incoming)
                }
                (Role::Previous, Some(Slot::Previous), From::Staged) => mark.as_role(Role::Older),
                _ => continue,
            },
        };

        steps.push(Step::Mark { name: name.clone(), mark: Some(mark) });
    }

    steps
}

/// Drops what nobody needs.
pub(super) fn discard(state: &State) -> Vec<Step> {
    drops(state, |mark, slot| mark.role == Role::Discard && slot == Slot::Discard)
}

/// Undoes a swap: what it brought is removed, and what was kept before is kept again.
pub(super) fn kept_before(state: &State) -> Vec<Step> {
    let mut steps =
        drops(state, |mark, slot| (mark.role, slot) == (Role::Previous, Slot::Previous));

    for (name, mark, _) in
        ours(state).filter(|(_, mark, slot)| (mark.role, *slot) == (Role::Discard, Slot::Discard))
    {
        steps.push(Step::Mark { name: name.into(), mark: Some(mark.as_role(Role::Previous)) });
        steps.push(Step::Rename { from: name.into(), to: Slot::Previous.name(&mark.base) });
    }

    steps
}

/// Drops collections of ours, and the aliases that would prevent it.
pub(super) fn drops(state: &State, which: impl Fn(&Mark, Slot) -> bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, ..) in ours(state).filter(|(_, mark, slot)| which(mark, *slot)) {
        let aliases = state.get(name).map(|held| held.aliases.clone()).unwrap_or_default();
        steps.extend(aliases.into_iter().map(|alias| Step::DropAlias { alias }));
        steps.push(Step::Drop { name: name.into() });
    }
    steps
}

/// The steps that finish a swap: forward if a collection already has its new name, back if none
/// has.
pub(super) fn finish(state: &State) -> Vec<Step> {
    let mut now = state.clone();
    let mut steps = Vec::new();
    while let Some(step) = if has_moved(&now) { forward(&now) } else { back(&now) } {
        apply(&mut now, &step);
        steps.push(step);
        if steps.len() > ENOUGH {
            break;
        }
    }

    steps
}

/// All the steps of a swap from its beginning.
pub(super) fn whole(state: &State, from: From) -> Vec<Step> {
    let mut now = state.clone();
    let mut steps = begin(state, from);
    steps.iter().for_each(|step| apply(&mut now, step));

    while let Some(step) = forward(&now) {
        apply(&mut now, &step);
        steps.push(step);
        if steps.len() > ENOUGH {
            break;
        }
    }

    steps
}

fn ours(state: &State) -> impl Iterator<Item = (&str, &Mark, Slot)> {
    state.iter().filter_map(|(name, held)| {
        let mark = held.mark.as_ref()?;
        Some((name.as_str(), mark, mark.slot(name)?))
    })
}

/// The first name that a step would give although somebody else has it.
pub(super) fn conflict(state: &State, steps: &[Step]) -> Option<String> {
    let mut now = state.clone();
    for step in steps {
        let taken = |name: &String| {
            now.contains_key(name) || now.values().any(|held| held.aliases.contains(name))
        };
        match step {
            Step::Rename { to, .. } if taken(to) => return Some(to.clone()),
            Step::PutAlias { alias, .. } if now.contains_key(alias) => return Some(alias.clone()),
            _ => apply(&mut now, step),
        }
    }

    under_way(&now).then(|| {
        ours(&now)
            .find(|(_, m, _)| m.role != Role::Discard)
            .map_or(String::new(), |(name, ..)| name.into())
    })
}

/// Whether a swap is under way, or was when a run was killed.
pub(super) fn under_way(state: &State) -> bool {
    ours(state)
        .any(|(_, mark, _)| matches!(mark.role, Role::Incoming | Role::Outgoing | Role::Older))
}

fn has_moved(state: &State) -> bool {
    ours(state).any(|(_, mark, slot)| match mark.role {
        Role::Incoming => slot == Slot::Live,
        Role::Outgoing => slot != Slot::Live,
        Role::Older => slot == Slot::Discard,
        Role::Staged | Role::Previous | Role::Discard => false,
    })
}

/// An alias that was in the way may be gone, and an old collection may be loaded: everything as
/// before, until the marks are removed.
fn back(state: &State) -> Option<Step> {
    ours(state).find_map(|(name, mark, slot)| {
        let held = state.get(name)?;
        if mark.role == Role::Outgoing
            && let Some(alias) = mark.aliases.iter().find(|alias| !held.aliases.contains(alias))
        {
            return Some(Step::PutAlias { alias: alias.clone(), to: name.into() });
        }

        if (mark.role, slot) == (Role::Incoming, Slot::Previous) && held.load != Load::Not {
            return Some(Step::Release { name: name.into() });
        }

        let mark = match (mark.role, slot) {
            (Role::Outgoing, _) => None,
            (Role::Incoming, Slot::Staged) => Some(mark.as_role(Role::Staged)),
            (Role::Incoming | Role::Older, _) => Some(mark.as_role(Role::Previous)),
            _ => return None,
        };
        Some(Step::Mark { name: name.into(), mark })
    })
}

/// The next step towards the end, from wherever the collections are.
fn forward(state: &State) -> Option<Step> {
    load(state).or_else(|| moves(state)).or_else(|| aliases(state)).or_else(|| settle_marks(state))
}

/// What will be live is loaded before it gets the name, and again if a rename released it.
fn load(state: &State) -> Option<Step> {
    let wanting = ours(state).find(|(name, mark, _)| {
        mark.role == Role::Incoming
            && mark.load != Load::Not
            && state.get(*name).is_some_and(|held| held.load == Load::Not)
    });
    wanting.map(|(name, mark, _)| Step::Load { name: name.into(), load: mark.load.clone() })
}

fn moves(state: &State) -> Option<Step> {
    let rename =
        |from: &str, base: &str, to: Slot| Step::Rename { from: from.into(), to: to.name(base) };
    let free = |base: &str, slot: Slot| !state.contains_key(&slot.name(base));

    for (name, mark, slot) in ours(state) {
        let base = mark.base.as_str();
        let step = match (mark.role, slot) {
            (Role::Older, Slot::Previous) => rename(name, base, Slot::Discard),
            (Role::Outgoing, Slot::Live | Slot::Staged) if free(base, Slot::Previous) => {
                rename(name, base, Slot::Previous)
            }
            // an undo: the one that becomes live is where this one will be
            (Role::Outgoing, Slot::Live) if free(base, Slot::Staged) => {
                rename(name, base, Slot::Staged)
            }
            (Role::Incoming, Slot::Staged | Slot::Previous) if free(base, Slot::Live) => {
                match state.values().flat_map(|held| &held.aliases).find(|alias| *alias == base) {
                    Some(alias) => Step::DropAlias { alias: alias.clone() },
                    None => rename(name, base, Slot::Live),
                }
            }
            _ => continue,
        };
        return Some(step);
    }

    None
}

fn aliases(state: &State) -> Option<Step> {
    let incoming = ours(state).filter(|(_, mark, _)| mark.role == Role::Incoming);
    let wanted: BTreeMap<&str, &str> = incoming
        .flat_map(|(name, mark, _)| mark.aliases.iter().map(move |alias| (alias.as_str(), name)))
        .collect();
    let leads: BTreeMap<&str, &str> = state
        .iter()
        .flat_map(|(name, held)| held.aliases.iter().map(move |a| (a.as_str(), name.as_str())))
        .collect();
    let put = wanted.iter().find(|(alias, to)| leads.get(*alias) != Some(to));

    if let Some((alias, to)) = put {
        return Some(Step::PutAlias { alias: (*alias).into(), to: (*to).into() });
    }

    let stale =
        |(_, mark, _): &(&str, &Mark, Slot)| matches!(mark.role, Role::Outgoing | Role::Older);
    let left =
        ours(state).filter(stale).find_map(|(name, ..)| state.get(name)?.aliases.first().cloned());

    left.map(|alias| Step::DropAlias { alias })
}

/// What was replaced is released from memory, and last of all each mark says what its collection is
/// from now on. The marks of the new collections are removed last: while one exists, the swap is
/// known to have moved.
fn settle_marks(state: &State) -> Option<Step> {
    let arrived = |(_, mark, slot): (&str, &Mark, Slot)| match mark.role {
        Role::Incoming => slot == Slot::Live,
        Role::Outgoing => slot == Slot::Previous,
        Role::Older => slot == Slot::Discard,
        Role::Staged | Role::Previous | Role::Discard => true,
    };

    if !ours(state).all(arrived) {
        return None;
    }

    let with = |role: Role| ours(state).find(move |(_, mark, _)| mark.role == role);
    let outgoing = ours(state).filter(|(_, mark, _)| mark.role == Role::Outgoing);
    let loaded = outgoing
        .map(|(name, ..)| name)
        .find(|name| state.get(*name).is_some_and(|held| held.load != Load::Not));

    if let Some(name) = loaded {
        return Some(Step::Release { name: name.into() });
    }

    let (name, mark) = if let Some((name, mark, _)) = with(Role::Older) {
        (name, Some(mark.as_role(Role::Discard)))
    } else if let Some((name, mark, _)) = with(Role::Outgoing) {
        (name, Some(mark.as_role(Role::Previous)))
    } else {
        (with(Role::Incoming)?.0, None)
    };
    Some(Step::Mark { name: name.into(), mark })
}

/// The state after a step.
pub(super) fn apply(state: &mut State, step: &Step) {
    let point = |state: &mut State, alias: &str, to: Option<&str>| {
        for (name, held) in state.iter_mut() {
            held.aliases.retain(|known| known != alias);
            if Some(name.as_str()) == to {
                held.aliases.push(alias.to_owned());
            }
        }
    };

    match step {
        Step::Mark { name, mark } => {
            state.entry(name.clone()).and_modify(|held| held.mark.clone_from(mark));
        }
        Step::Rename { from, to } => {
            if let Some(held) = state.remove(from) {
                state.insert(to.clone(), held);
            }
        }
        Step::Load { name, load } => {
            if let Some(held) = state.get_mut(name) {
                held.load.clone_from(load);
            }
        }
        Step::Release { name } => {
            if let Some(held) = state.get_mut(name) {
                held.load = Load::Not;
            }
        }
        Step::PutAlias { alias, to } => point(state, alias, Some(to)),
        Step::DropAlias { alias } => point(state, alias, None),
        Step::Drop { name } => drop(state.remove(name)),
    }
}

#[cfg(test)]
mod tests;
