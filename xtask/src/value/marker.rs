//! What a database itself says that it is: production, staging.

/// One word of a database's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The environment that it names.
    pub environment: String,
    /// How it is said.
    pub by: MarkedBy,
}

/// How a database says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkedBy {
    /// `ALTER DATABASE … SET dbtasks.environment`
    Setting,
    /// `dbtasks.environment = …`, a line of its comment.
    Comment,
}
