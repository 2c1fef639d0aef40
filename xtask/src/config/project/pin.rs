//! A safety pin: a variable, and the value that it must have.

/// A safety pin: a variable, and the value it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The variable.
    pub variable: String,
    /// The value.
    pub value: String,
}

impl Pin {
    /// From `VARIABLE=value`; neither side may be empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (variable, value) = text.split_once('=')?;
        let named =
            variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !variable.is_empty();
        (named && !value.is_empty())
            .then(|| Self { variable: variable.into(), value: value.into() })
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.variable, self.value)
    }
}
