//! What a database itself says that it is: production, staging.

/// One marker of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The environment that it names.
    pub environment: String,
    /// How it is said.
    pub by: MarkedBy,
}

/// Where a database has its marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkedBy {
    /// `ALTER DATABASE … SET dbtasks.environment`
    Setting,
    /// `dbtasks.environment = …`, a line of its comment.
    Comment,
}
