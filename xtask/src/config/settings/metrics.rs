//! `[metrics]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[metrics]`
pub static TABLE: Table = Table {
    path: "metrics",
    name: "",
    text: "What monitoring may know of the backups.",
    exactly_one: &[],
    settings: &[&TEXTFILE],
};

/// The file.
pub static TEXTFILE: Setting = Setting {
    key: "metrics.textfile",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::Win(&["DB_TASKS_METRICS_TEXTFILE"]),
    example: r#""/var/lib/node_exporter/textfile/shop.prom""#,
    text: "A file with Prometheus metrics, for the textfile collector of node_exporter. \
           `db-backup` writes it anew each time. Each project needs a file of its own.",
};
