//! What pg_dump may be told by `[backup] pg-dump-args`: a closed list, because each option must leave
//! what is verified of a dump true.

use std::fmt;

/// An option of pg_dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpArg {
    /// `--no-owner`
    NoOwner,
    /// `--no-privileges`
    NoPrivileges,
    /// `--clean`
    Clean,
    /// `--if-exists`
    IfExists,
    /// `--no-comments`
    NoComments,
    /// `--no-publications`
    NoPublications,
    /// `--no-security-labels`
    NoSecurityLabels,
    /// `--no-subscriptions`
    NoSubscriptions,
    /// `--no-tablespaces`
    NoTablespaces,
    /// `--inserts`
    Inserts,
    /// `--column-inserts`
    ColumnInserts,
    /// `--rows-per-insert=N`
    RowsPerInsert(u32),
    /// `--exclude-table-data=PATTERN`
    ExcludeTableData(String),
}

/// Why an option is not taken, and what to do instead.
type Refusal = (String, String);

/// Options without a value, under each of their names.
const PLAIN: [(&[&str], DumpArg); 11] = [
    (&["--no-owner", "-O"], DumpArg::NoOwner),
    (&["--no-privileges", "--no-acl", "-x"], DumpArg::NoPrivileges),
    (&["--clean", "-c"], DumpArg::Clean),
    (&["--if-exists"], DumpArg::IfExists),
    (&["--no-comments"], DumpArg::NoComments),
    (&["--no-publications"], DumpArg::NoPublications),
    (&["--no-security-labels"], DumpArg::NoSecurityLabels),
    (&["--no-subscriptions"], DumpArg::NoSubscriptions),
    (&["--no-tablespaces"], DumpArg::NoTablespaces),
    (&["--inserts"], DumpArg::Inserts),
    (&["--column-inserts", "--attribute-inserts"], DumpArg::ColumnInserts),
];

const ROWS: &str = "--rows-per-insert";
const EXCLUDED: &str = "--exclude-table-data";

/// Options that are refused, why, and what to do instead.
const REFUSED: [(&[&str], &str, &str); 17] = [
    (
        &["--format", "-F"],
        "only a plain dump is read and counted on its way",
        "leave it out; `backup.compress` says how a dump is compressed",
    ),
    (
        &["--file", "-f"],
        "the dump goes to `db-tasks`, which names the file",
        "use `backup.dir` and `backup.name`",
    ),
    (&["--compress", "-Z"], "a dump is compressed after it was read", "use `backup.compress`"),
    (
        &["--encoding", "-E"],
        "the database's own encoding is in its manifest, and is restored",
        "leave it out",
    ),
    (
        &["--schema-only", "-s", "--no-data"],
        "a backup without data is none",
        "use `--exclude-table-data=PATTERN` for what you can do without",
    ),
    (
        &["--data-only", "-a", "--no-schema", "--statistics-only"],
        "a restore makes the tables from the dump",
        "leave it out",
    ),
    (
        &["--table", "-t", "--exclude-table", "-T", "--table-and-children"],
        "what it leaves out is not known, and may be referred to by the rest",
        "use `--exclude-table-data=PATTERN`, which keeps the tables and leaves out their rows",
    ),
    (
        &["--schema", "-n", "--exclude-schema", "-N", "--extension", "-e", "--filter"],
        "what it leaves out is not known, and may be referred to by the rest",
        "use `--exclude-table-data=PATTERN`, which keeps the tables and leaves out their rows",
    ),
    (
        &["--exclude-table-and-children", "--exclude-table-data-and-children"],
        "older pg_dumps do not know it",
        "use `--exclude-table-data=PATTERN` for each of them",
    ),
    (&["--no-unlogged-table-data"], "it leaves rows out", "use `--exclude-table-data=PATTERN`"),
    (
        &["--large-objects", "--blobs", "-b", "--no-large-objects", "--no-blobs", "-B"],
        "large objects are data of the database, and always taken",
        "leave it out",
    ),
    (&["--jobs", "-j"], "a plain dump is one stream", "leave it out"),
    (
        &["--create", "-C"],
        "a restore makes the database itself, next to the live one",
        "leave it out: the manifest has the database's settings",
    ),
    (
        &["--dbname", "-d", "--host", "-h", "--port", "-p", "--username", "-U", "--role"],
        "another database would be dumped than the one that was looked at",
        "use the keys of `[databases.NAME]`",
    ),
    (
        &["--password", "-W", "--no-password", "-w"],
        "a password is never asked for",
        "use `postgres = { password-env = … }`",
    ),
    (
        &["--snapshot", "--no-sync", "--no-synchronized-snapshots", "--serializable-deferrable"],
        "the snapshot that a dump reads is one of `db-tasks`",
        "leave it out",
    ),
    (
        &["--restrict-key"],
        "a known key protects no reader",
        "use `backup.form = \"stable\"`, which reads the whole dump for commands of psql",
    ),
];

impl DumpArg {
    /// Reads the options, in either spelling of one with a value.
    ///
    /// # Errors
    /// The option that is not taken, why, and what to do instead.
    pub fn parse(words: &[String]) -> Result<Vec<Self>, Refusal> {
        let mut found: Vec<Self> = Vec::new();
        let mut words = words.iter().map(String::as_str);

        while let Some(word) = words.next() {
            let (name, said) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };

            let arg = match name {
                ROWS => Self::RowsPerInsert(rows(value(name, said, &mut words)?)?),
                EXCLUDED => Self::ExcludeTableData(value(name, said, &mut words)?.to_owned()),
                _ => plain(word)?,
            };
            if !found.contains(&arg) {
                found.push(arg);
            }
        }

        check(&found)?;
        Ok(found)
    }

    /// What a dump lacks because of it, in a word.
    fn leaves_out(&self) -> Option<&'static str> {
        match self {
            Self::NoOwner => Some("owners"),
            Self::NoPrivileges => Some("rights"),
            Self::NoComments => Some("comments"),
            Self::NoPublications => Some("publications"),
            Self::NoSecurityLabels => Some("security labels"),
            Self::NoSubscriptions => Some("subscriptions"),
            Self::NoTablespaces => Some("tablespaces"),
            Self::ExcludeTableData(_) => Some("rows"),
            Self::Clean
            | Self::IfExists
            | Self::Inserts
            | Self::ColumnInserts
            | Self::RowsPerInsert(_) => None,
        }
    }

    /// Why a dump made with it is partial, if it is.
    pub fn lacks_rows(&self) -> Option<String> {
        let Self::ExcludeTableData(pattern) = self else { return None };
        Some(format!("`pg-dump-args` leaves out the rows of `{pattern}`"))
    }

    /// What a dump lacks because of these, other than rows, if it lacks anything.
    pub fn left_out(args: &[Self]) -> Option<String> {
        let whole = args.iter().filter(|arg| arg.lacks_rows().is_none());
        let words: Vec<&str> = whole.filter_map(Self::leaves_out).collect();
        let (last, first) = words.split_last()?;
        Some(if first.is_empty() {
            (*last).into()
        } else {
            format!("{} and {last}", first.join(", "))
        })
    }

    /// Whether it makes rows statements of their own.
    pub fn makes_inserts(&self) -> bool {
        matches!(self, Self::Inserts | Self::ColumnInserts | Self::RowsPerInsert(_))
    }
}

/// As it is passed to pg_dump.
impl fmt::Display for DumpArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowsPerInsert(rows) => write!(f, "{ROWS}={rows}"),
            Self::ExcludeTableData(pattern) => write!(f, "{EXCLUDED}={pattern}"),
            other => {
                let named = PLAIN.iter().find(|(_, arg)| arg == other);
                f.write_str(named.map_or("", |(names, _)| names[0]))
            }
        }
    }
}

/// The value of an option: after its `=`, or the next word.
fn value<'a>(
    name: &str,
    said: Option<&'a str>,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<&'a str, Refusal> {
    said.or_else(|| words.next())
        .filter(|value| !value.is_empty())
        .ok_or_else(|| (format!("`{name}` has no value"), format!("write it like `\"{name}=…\"`")))
}

fn rows(text: &str) -> Result<u32, Refusal> {
    text.parse()
        .ok()
        .filter(|rows| *rows > 0)
        .ok_or_else(|| (format!("`{ROWS}` is `{text}`"), format!("write it like `\"{ROWS}=100\"`")))
}

fn plain(word: &str) -> Result<DumpArg, Refusal> {
    let known = PLAIN.iter().find(|(names, _)| names.contains(&word));
    if let Some((_, arg)) = known {
        return Ok(arg.clone());
    }

    // -Fc, -tusers and --table=users are written in one word
    let is_meant = |name: &str| match name.strip_prefix("--") {
        Some(_) => word.split('=').next() == Some(name),
        None => !word.starts_with("--") && word.starts_with(name),
    };
    let refused = REFUSED.iter().find(|(names, ..)| names.iter().any(|name| is_meant(name)));
    Err(match refused {
        Some((_, why, cure)) => (format!("`{word}` can't be used: {why}"), (*cure).to_owned()),
        None => (
            format!("`{word}` is not in the list of options that leave the checks true"),
            format!("use some of {}", listed()),
        ),
    })
}

fn listed() -> String {
    let plain = PLAIN.iter().map(|(names, _)| format!("`{}`", names[0]));
    plain
        .chain([format!("`{ROWS}=N`"), format!("`{EXCLUDED}=PATTERN`")])
        .collect::<Vec<_>>()
        .join(", ")
}

/// What the options say together.
fn check(found: &[DumpArg]) -> Result<(), Refusal> {
    let has = |arg| found.contains(&arg);
    match (has(DumpArg::Clean), has(DumpArg::IfExists)) {
        (true, false) => Err((
            "`--clean` drops what a new database does not have yet, and psql stops there".into(),
            "add \"--if-exists\"".into(),
        )),
        (false, true) => Err((
            "`--if-exists` is about `--clean`, which is not there".into(),
            "add \"--clean\"".into(),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Vec<DumpArg>, Refusal> {
        DumpArg::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_option_has_one_spelling() {
        for (words, want) in [
            (&["-O", "--no-owner", "-x", "--no-acl"][..], "--no-owner --no-privileges"),
            (&["-c", "--if-exists"], "--clean --if-exists"),
            (
                &["--exclude-table-data", "public.logs", "--exclude-table-data=a*"],
                "--exclude-table-data=public.logs --exclude-table-data=a*",
            ),
            (&["--rows-per-insert", "100", "--inserts"], "--rows-per-insert=100 --inserts"),
            (&["--attribute-inserts"], "--column-inserts"),
            (&["--exclude-table-data=a=b"], "--exclude-table-data=a=b"),
            (&[], ""),
        ] {
            let found = parse(words).unwrap();
            let shown: Vec<String> = found.iter().map(DumpArg::to_string).collect();
            assert_eq!(shown.join(" "), want);
            assert_eq!(DumpArg::parse(&shown), Ok(found));
        }
    }

    #[test]
    fn what_would_make_a_check_untrue_is_refused_with_the_way_out() {
        for (words, why, cure) in [
            (&["--clean"][..], "psql stops there", "--if-exists"),
            (&["--if-exists"], "which is not there", "--clean"),
            (&["--schema-only"], "without data", "--exclude-table-data"),
            (&["-a"], "makes the tables", "leave it out"),
            (&["-tusers"], "not known", "--exclude-table-data"),
            (&["--table=users"], "not known", "--exclude-table-data"),
            (&["-n", "shop"], "not known", "--exclude-table-data"),
            (&["-Fc"], "plain dump", "backup.compress"),
            (&["--format=custom"], "plain dump", "backup.compress"),
            (&["--encoding=LATIN1"], "own encoding", "leave it out"),
            (&["--jobs=4"], "one stream", "leave it out"),
            (&["-C"], "next to the live one", "leave it out"),
            (&["--restrict-key=abc"], "known key", "backup.form"),
            (&["-Ox"], "not in the list", "`--no-owner`"),
            (&["--no-owner=yes"], "not in the list", "`--no-owner`"),
            (&["--verbose"], "not in the list", "`--no-owner`"),
            (&["--exclude-table-data"], "no value", "--exclude-table-data=…"),
            (&["--rows-per-insert=0"], "`0`", "=100"),
            (&[""], "not in the list", "`--no-owner`"),
        ] {
            let (said, way_out) = parse(words).unwrap_err();
            assert!(said.contains(why) && way_out.contains(cure), "{words:?}: {said}; {way_out}");
        }
    }

    #[test]
    fn only_left_out_rows_make_a_dump_partial() {
        let every = PLAIN.iter().map(|(_, arg)| arg.clone());
        let every: Vec<DumpArg> = every.chain([DumpArg::RowsPerInsert(5)]).collect();
        assert!(every.iter().all(|arg| arg.lacks_rows().is_none()));
        let left_out = DumpArg::ExcludeTableData("logs".into());
        assert!(left_out.lacks_rows().unwrap().contains("`logs`"));
    }
}
