//! How backups are written for people and git, as `[backup]` says it.

use serde::{Deserialize, Serialize};

use super::dump_arg::DumpArg;
use super::table_name::TableName;

/// How a backup is written that somebody asks for. A safety backup is whole and private whatever the
/// project says, so it has the default of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plain {
    /// What pg_dump is told.
    pub args: Vec<DumpArg>,
    /// Whether the same data makes the same bytes.
    pub form: Form,
    /// Tables whose rows are sorted.
    pub key_order: KeyOrder,
    /// Who may read the files.
    pub mode: Mode,
    /// What names the newest good backup.
    pub latest: Option<Latest>,
}

/// The form of a dump.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// As pg_dump writes it.
    #[default]
    AsDumped,
    /// The same bytes for the same data.
    Stable,
}

/// The rights of a backup's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

/// What names the newest good backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Latest {
    /// A symbolic link.
    Symlink,
    /// A second name of the file.
    HardLink,
    /// A text file with its name.
    Pointer,
}

/// Tables whose rows are in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyOrder {
    all: bool,
    tables: Vec<TableName>,
}

impl Default for Mode {
    fn default() -> Self {
        Self(0o600)
    }
}

impl Mode {
    /// Reads `0640`.
    ///
    /// # Errors
    /// Why it is none, and an example.
    pub fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        let example = "\"0640\"";
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let is_octal =
            (3..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let bits = u32::from_str_radix(digits, 8).ok().filter(|_| is_octal);

        let why = match bits {
            None => "it must be rights in octal, in quotes",
            Some(bits) if bits & 0o400 == 0 => "you could not read the backups yourself",
            Some(bits) if bits & 0o002 != 0 => "everybody could change the backups",
            Some(bits) if bits & !0o666 != 0 => "a dump is no program: it can be read and written",
            Some(bits) => return Ok(Self(bits)),
        };
        Err((why.into(), example))
    }

    /// As it is written, if it is not the usual one.
    pub fn told(self) -> Option<String> {
        (self != Self::default()).then(|| format!("{:04o}", self.0))
    }

    /// The bits of a file.
    pub fn of_file(self) -> u32 {
        self.0
    }

    /// The bits of a folder: who may read the files may enter it.
    pub fn of_folder(self) -> u32 {
        0o700 | (self.0 & 0o044) | ((self.0 & 0o044) >> 2)
    }
}

impl KeyOrder {
    /// Reads the names of tables; `*` stands for every table.
    pub fn of(tables: Vec<TableName>) -> Self {
        Self { all: tables.iter().any(TableName::is_star), tables }
    }

    /// Whether no table is meant.
    pub fn is_none(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether the rows of this table are sorted, by its whole name as SQL.
    pub fn means(&self, table: &str) -> bool {
        self.all || self.tables.iter().any(|name| name.means(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal_and_keeps_backups_from_being_changed() {
        for (text, file, folder) in [
            ("0600", 0o600, 0o700),
            ("640", 0o640, 0o750),
            ("0644", 0o644, 0o755),
            ("0o440", 0o440, 0o750),
            ("0660", 0o660, 0o750),
        ] {
            let mode = Mode::parse(text).unwrap();
            assert_eq!((mode.of_file(), mode.of_folder()), (file, folder), "{text}");
        }
        assert_eq!((Mode::default().of_file(), Mode::default().of_folder()), (0o600, 0o700));

        for (text, why) in [
            ("0666", "everybody"),
            ("0040", "yourself"),
            ("0750", "no program"),
            ("4640", "no program"),
            ("0888", "octal"),
            ("u=rw", "octal"),
            ("00640", "octal"),
            ("+640", "octal"),
            ("", "octal"),
        ] {
            assert!(Mode::parse(text).unwrap_err().0.contains(why), "{text}");
        }
    }

    #[test]
    fn a_star_means_every_table() {
        let of = |names: &[&str]| {
            KeyOrder::of(names.iter().map(|name| TableName::parse(name).unwrap()).collect())
        };
        assert!(of(&["*"]).means("public.a") && of(&["a"]).means("public.a"));
        assert!(!of(&["a"]).means("public.b") && !of(&[]).means("public.a"));
        assert!(of(&[]).is_none() && !of(&["*"]).is_none());
    }
}
