//! What the guards are told besides the plan.

use crate::config::environment::Origin;
use crate::config::{Env, Guards};

/// Everything that the guards look at, in addition to the plan's risk.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// The project's rules.
    pub guards: &'a Guards,
    /// The project's environment.
    pub environment: &'a str,
    /// Who says so.
    pub said_by: Origin,
    /// What the command line says.
    pub consent: Consent,
    /// Who can be asked.
    pub person: Presence,
    /// Whether a coding agent runs this.
    pub agent: Agent,
    /// The environment: safety pins are set there.
    pub env: &'a Env,
}

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nothing: ask.
    Ask,
    /// Nothing; the task asks no question, because it only adds something.
    Unasked,
    /// `--yes`.
    Yes,
    /// `--confirm NAME`.
    Confirmed(String),
}

/// Who can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Standard input is a terminal.
    AtTerminal,
    /// Nobody.
    Absent,
}

/// Whether a coding agent runs this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// None was detected.
    None,
    /// One, known by this variable, without a person's words.
    Alone(String),
    /// One with a person's words; they count for the task and the databases that they name.
    Sent {
        /// The variable by which it was detected.
        agent: String,
        /// The words.
        words: String,
    },
}

/// Variables that coding agents set in the shells they run.
pub(super) const AGENTS: [&str; 6] =
    ["CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "CODEX_SANDBOX", "AI_AGENT", "OPENCODE"];

impl Agent {
    /// Looks for an agent; `words` is the variable for the person's words. An agent's variable
    /// counts even if it is empty: detection only makes things stricter.
    pub fn detect(env: &Env, words: &str) -> Self {
        let Some(agent) = AGENTS.iter().find(|name| env.is_set(name)) else { return Self::None };
        // what comes from a file was not said for this run
        match env.given(words).filter(|said| env.held(words, said).is_none()) {
            Some(said) => Self::Sent { agent: (*agent).into(), words: said.into() },
            None => Self::Alone((*agent).into()),
        }
    }
}
