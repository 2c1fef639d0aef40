//! The list of backups, and one backup in full.

use chrono::{DateTime, NaiveTime, Utc};
use serde_json::{Value, json};

use crate::bundle::manifest::{FORMAT, Holds, Postgresql, format_of};
use crate::bundle::{Artifact, Backup, Catalog, Kind, Manifest, Reason, Sharing, Verification};
use crate::config::{HIDDEN, Keys};
use crate::human::{ago, bytes, count, counted, duration, entries, holds, wrapped};
use crate::ui::shown;
use crate::ui::table::{Lean, columns};
use crate::value::Contents;

/// What a line of a list shows.
const HEADER: [(&str, Lean); 8] = [
    ("BACKUP", Lean::Left),
    ("MADE (UTC)", Lean::Left),
    ("AGE", Lean::Left),
    ("SIZE", Lean::Right),
    ("ROWS", Lean::Right),
    ("DATABASE", Lean::Left),
    ("ENVIRONMENT", Lean::Left),
    ("STATE", Lean::Left),
];

/// How a list is shown: at which time, and in how many columns, if known.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The clock.
    pub now: DateTime<Utc>,
    /// Columns of the terminal.
    pub width: Option<usize>,
}

impl Reader {
    /// A table if everything fits, otherwise lines of this many columns.
    fn fitted(self, table: String, narrow: impl FnOnce(usize) -> Vec<String>) -> String {
        match self.width {
            Some(width) if table.lines().any(|line| line.chars().count() > width) => {
                narrow(width).join("\n")
            }
            _ => table,
        }
    }

    fn lines(self, text: &str) -> String {
        self.width.map_or_else(|| text.to_owned(), |width| wrapped(text, width).join("\n  "))
    }
}

/// `db-list`, newest first.
pub fn list(catalog: &Catalog, shown: &[Backup], reader: Reader) -> String {
    let mut parts = match catalog.backups.is_empty() {
        true => vec![format!("no backups in {}", catalog.dir.display())],
        false => vec![table(shown, reader)],
    };
    for backup in shown {
        if let Kind::Broken { why, .. } = &backup.kind {
            parts.push(reader.lines(&format!("{} is broken: {why}", backup.name)));
        }
        parts.extend(doubt(backup).map(|told| reader.lines(&told)));
    }

    if shown.len() < catalog.backups.len() {
        parts.push(format!("… and {} older", catalog.backups.len() - shown.len()));
    }

    let fate = match catalog.ground {
        Sharing::Own => {
            "was left by an interrupted run: the next backup or `db-cleanup` removes it"
        }
        Sharing::Common => {
            "was left by an interrupted run, or another project is writing it: `db-cleanup` \
             removes it"
        }
    };

    parts.extend(
        catalog.unfinished.iter().map(|left| reader.lines(&format!("{} {fate}", left.display()))),
    );
    parts.join("\n")
}

/// Why its last check is not known, if it is not.
fn doubt(backup: &Backup) -> Option<String> {
    Some(format!("{}: {}", backup.name, backup.manifest()?.doubt()?))
}

/// A few of them, after a backup.
pub fn recent(backups: &[Backup], now: DateTime<Utc>) -> String {
    let lean = [Lean::Left, Lean::Left, Lean::Left, Lean::Right];
    let header = ["recent backups:", "", "", ""].map(String::from);
    let row =
        |b: &Backup| vec![format!("  {}", b.name), made(b), ago(b.created, now), bytes(b.bytes)];
    let rows: Vec<Vec<String>> = backups.iter().map(row).collect();
    let header: Vec<(&str, Lean)> = header.iter().map(String::as_str).zip(lean).collect();
    columns(&header, &rows)
}

/// Only their names, for scripts and completions.
pub fn names(backups: &[Backup]) -> String {
    backups.iter().map(|b| shown::line(&b.name).into_owned()).collect::<Vec<_>>().join("\n")
}

/// A line for each backup if everything fits; otherwise its name, and the rest below it.
fn table(shown: &[Backup], reader: Reader) -> String {
    let rows: Vec<Vec<String>> = shown.iter().map(|b| row(b, reader.now)).collect();
    reader.fitted(columns(&HEADER, &rows), |width| {
        shown.iter().map(|b| entry(b, "", reader.now, width)).collect()
    })
}

fn row(backup: &Backup, now: DateTime<Utc>) -> Vec<String> {
    let known = |of: fn(&Manifest) -> String| backup.manifest().map_or("?".into(), of);
    let (environment, rows) = (known(|m| m.environment.clone()), known(|m| count(m.rows())));
    let (made, age) = (made(backup), ago(backup.created, now));

    vec![
        backup.name.clone(),
        made,
        age,
        bytes(backup.bytes),
        rows,
        databases(backup),
        environment,
        backup.shown_state(),
    ]
}

fn made(backup: &Backup) -> String {
    // a name with a day but no hour tells no hour
    let day_alone = matches!(backup.kind, Kind::Foreign) && backup.created.time() == NaiveTime::MIN;
    backup.created.format(if day_alone { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" }).to_string()
}

fn databases(backup: &Backup) -> String {
    let shown = |name| if str::is_empty(name) { "?" } else { name };
    let names: Vec<&str> = backup.databases().map(|(_, name)| shown(name)).collect();
    match (backup.manifest(), names.is_empty()) {
        (None, _) => "?".into(),
        (Some(_), true) => "-".into(),
        (Some(_), false) => names.join(", "),
    }
}

/// A backup in lines of this many columns: no word is broken.
fn entry(backup: &Backup, number: &str, now: DateTime<Utc>, width: usize) -> String {
    let made = format!("{}, {}", made(backup), ago(backup.created, now));
    let held = backup.manifest().map(|m| counted(m.rows(), "row"));
    let of = backup.manifest().map(|m| format!("{}, {}", databases(backup), m.environment));

    let parts: Vec<String> =
        [Some(made), Some(bytes(backup.bytes)), held, of, Some(backup.shown_state())]
            .into_iter()
            .flatten()
            // a part stays in one line if it fits
            .map(|part| shown::line(&part).replace(' ', "\u{a0}"))
            .collect();

    let below = wrapped(&parts.join("\u{a0}\u{b7} "), width.saturating_sub(4))
        .join("\n    ")
        .replace('\u{a0}', " ");
    format!("{number}{}\n    {below}", shown::line(&backup.name))
}

/// The list to choose from.
pub fn numbered(catalog: &Catalog, reader: Reader) -> String {
    let number = |at: usize| format!("{}.", at + 1);
    let rows: Vec<Vec<String>> = catalog
        .backups
        .iter()
        .enumerate()
        .map(|(at, b)| [vec![number(at)], row(b, reader.now)].concat())
        .collect();

    reader.fitted(columns(&[&[("", Lean::Right)][..], &HEADER].concat(), &rows), |width| {
        let backups = catalog.backups.iter().enumerate();
        backups.map(|(at, b)| entry(b, &format!("{:>3} ", number(at)), reader.now, width)).collect()
    })
}

/// `db-info`
pub fn info(backup: &Backup) -> String {
    let mut lines = vec![
        backup.name.clone(),
        field("path", &backup.path.display()),
        field("state", &backup.shown_state()),
    ];

    if let Kind::Broken { why, .. } = &backup.kind {
        lines.push(field("broken", why));
    }

    lines.push(field("timestamp", &timestamp(backup)));
    lines.push(field("size", &bytes(backup.bytes)));
    let Some(m) = backup.manifest() else {
        if let Kind::Foreign = &backup.kind {
            lines.push(field("manifest", &"none: a foreign file; `db-verify` reads it to the end"));
        }
        return lines.join("\n");
    };

    lines.push(field("project", &m.project));
    lines.push(field("environment", &m.environment));
    lines.extend(m.label.as_ref().map(|l| field("label", l)));
    lines.push(match m.reason {
        Reason::Adopted => field("made by", &format!("another tool; adopted by {}", m.tool)),
        _ => field("made by", &m.tool),
    });

    lines.extend(m.encryption().map(|by| field("encryption", by)));

    lines.extend(m.verified.iter().map(verified));
    lines.extend(m.doubt().iter().map(|why| field("notes", why)));
    lines.extend(m.untried.iter().map(|u| {
        field(
            "not tried",
            &format!("{} {}: {}", u.when.format("%Y-%m-%d %H:%M:%S UTC"), check(&u.how), u.why),
        )
    }));

    lines.extend(m.shrunken.iter().map(|shrunk| field("SHRUNKEN", &shrunk.why)));
    lines.extend(m.missing.iter().map(|m| field("MISSING", &format!("{}: {}", m.store, m.why))));
    lines.extend(m.artifacts.iter().map(artifact));

    lines.join("\n")
}

fn verified(v: &Verification) -> String {
    let word = if v.good { "good" } else { "failed" };
    let when = v.when.format("%Y-%m-%d %H:%M:%S UTC");
    field("verified", &format!("{when} {}: {word}", check(&v.how)))
}

/// How a manifest says that a backup was checked, for people.
fn check(how: &str) -> &str {
    match how {
        "written" => "while it was written",
        "quick" => "read to its end",
        "deep" => "trial restore",
        newer => newer,
    }
}

fn timestamp(backup: &Backup) -> String {
    match backup.kind {
        Kind::Foreign => format!("{} UTC, by its name or its file's time", made(backup)),
        _ => backup.created.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    }
}

fn field(name: &str, value: &dyn std::fmt::Display) -> String {
    format!("  {name:<12} {value}")
}

fn artifact(a: &Artifact) -> String {
    match (&a.holds, a.contents()) {
        (Holds::Postgresql(known), _) => database(a, known),
        (_, contents) => contents.map_or(String::new(), |contents| store(a, &contents)),
    }
}

/// Its size, and how exact that is.
fn file(a: &Artifact) -> [String; 3] {
    let checksum = &a.checksum;
    let coding = a.coding(&Keys::default());
    [
        field("size", &format!("{} ({coding}, {} plain)", bytes(a.bytes), bytes(a.plain_bytes))),
        field(&checksum.method.to_string(), &checksum.hex),
        field("took", &duration(std::time::Duration::from_secs_f64(a.seconds.max(0.0)))),
    ]
}

fn store(a: &Artifact, contents: &Contents) -> String {
    let mut lines = vec![format!("\n{} ({})", a.file, a.store), field("kind", &a.format().kind())];
    lines.extend(a.server_version().map(|v| field("server", &v)));
    lines.extend(file(a));
    lines.push(field("holds", &holds(contents)));
    lines.extend(contents.lost().iter().map(|what| field("none", what)));

    if let Contents::Collections(all) = contents {
        let rows: Vec<Vec<String>> = all
            .collections
            .iter()
            .map(|c| vec![String::new(), count(c.entities), c.name.clone()])
            .collect();

        lines.push(columns(
            &[("", Lean::Left), ("ENTITIES", Lean::Right), ("COLLECTION", Lean::Left)],
            &rows,
        ));
    }

    lines.join("\n")
}

fn database(a: &Artifact, known: &Postgresql) -> String {
    let d = &known.database;
    let about = match d.is_none() {
        true => "?".into(),
        false => format!("{}, owner {}, {} {}", d.name, d.owner, d.encoding, d.collate),
    };
    let mut lines = vec![
        format!("\n{} ({})", a.file, a.store),
        field("database", &about),
        field("server", &format!("PostgreSQL {}", known.server_version)),
        field("pg_dump", &known.dump_version.as_deref().unwrap_or("?")),
    ];
    lines.extend(
        (!known.dump_args.is_empty()).then(|| field("options", &known.dump_args.join(" "))),
    );

    lines.extend(file(a));

    if !known.extensions.is_empty() {
        let list: Vec<String> =
            known.extensions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        lines.push(field("extensions", &list.join(", ")));
    }

    lines.extend(
        known
            .migrations
            .iter()
            .map(|t| field("migrations", &format!("{} in {}", entries(t.rows), t.table))),
    );

    lines.push(field(
        "holds",
        &format!(
            "{} in {}, {}",
            counted(a.rows, "row"),
            counted(known.tables.len() as u64, "table"),
            counted(known.large_objects, "large object")
        ),
    ));

    let mut tables: Vec<_> = known.tables.iter().collect();
    tables.sort_by(|x, y| (y.rows, &x.table).cmp(&(x.rows, &y.table)));

    let rows: Vec<Vec<String>> =
        tables.iter().map(|t| vec![String::new(), count(t.rows), t.table.clone()]).collect();
    lines.push(columns(&[("", Lean::Left), ("ROWS", Lean::Right), ("TABLE", Lean::Left)], &rows));

    lines.join("\n")
}

/// A backup as JSON, manifest and all.
pub fn json(backup: &Backup) -> Value {
    let mut value = summary(backup);
    value["manifest"] = json!(backup.manifest());

    // values of settings are not shown: they are in the manifest, which only its owner may read
    let artifacts = value["manifest"]["artifacts"].as_array_mut().into_iter().flatten();
    for setting in artifacts
        .filter_map(|a| a.pointer_mut("/holds/postgresql/database/settings")?.as_array_mut())
        .flatten()
    {
        setting["value"] = json!(HIDDEN);
    }
    if let Some(manifest) = backup.manifest() {
        // whatever the file's own format, this is what was made of it
        let first = manifest.artifacts.first();
        value["manifest"]["format"] = json!(first.map_or(FORMAT, format_of));
        if let Some(why) = manifest.doubt() {
            value["manifest"]["doubt"] = json!(why);
        }
    }

    value
}

/// A backup as a line of `db-list --json`.
pub fn summary(backup: &Backup) -> Value {
    let why = if let Kind::Broken { why, .. } = &backup.kind { Some(why) } else { None };
    json!({
        "name": backup.name,
        "path": backup.path.to_string_lossy(),
        "created": backup.created.to_rfc3339(),
        "databases": backup.databases().map(|(_, name)| name).collect::<Vec<_>>(),
        "bytes": backup.bytes,
        "project": backup.manifest().map(|m| &m.project),
        "other_project": backup.other_project.is_some(),
        "environment": backup.manifest().map(|m| &m.environment),
        "rows": backup.manifest().map(|m| m.rows()),
        "state": backup.state(),
        "encrypted": backup.manifest().map(|m| m.encryption().is_some()),
        "pinned": backup.manifest().and_then(|m| m.pinned.as_ref()),
        "broken": why,
    })
}
