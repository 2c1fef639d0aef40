//! What a guard says, and why.

/// What one guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The guard.
    pub guard: &'static str,
    /// Its word.
    pub judgement: Judgement,
    /// Why.
    pub why: String,
    /// How to proceed, if it refuses.
    pub cure: String,
}

/// A guard's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Go on.
    Passed,
    /// Pass, and show that.
    Warned,
    /// Ask the person.
    Ask,
    /// Stop.
    Refused,
}

pub(super) fn verdict(
    guard: &'static str,
    judgement: Judgement,
    why: impl Into<String>,
    cure: impl Into<String>,
) -> Verdict {
    Verdict { guard, judgement, why: why.into(), cure: cure.into() }
}
