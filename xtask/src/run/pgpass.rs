//! Your password file: <https://www.postgresql.org/docs/current/libpq-pgpass.html>. It is replaced
//! whole, or not at all.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::bundle::ending;
use crate::config::Secrets;
use crate::disk;
use crate::plan::Login;
use crate::problem::{Code, Problem};

/// Writes these logins into a file that only its owner may read, and leaves all other lines as they
/// are.
pub(super) fn write(path: &Path, logins: &[Login], secrets: &Secrets) -> Result<()> {
    // a link to the file, as in a dotfiles repository, stays a link
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&path).is_ok_and(|meta| !meta.is_file()) {
        return Err(Problem::failed(format!(
            "`{}` is not a regular file: nothing was changed",
            path.display()
        ))
        .code(Code::FileError)
        .cure("libpq reads only regular files; name one with PGPASSFILE, or move this one away")
        .into());
    }

    let old = match fs::read(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Problem::failed(format!(
                "could not read `{}`: nothing was changed",
                path.display()
            ))
            .code(Code::FileError)
            .because(e.to_string())
            .cure("fix its permissions; it must belong to you")
            .into());
        }
        read => read.unwrap_or_default(),
    };

    let lines = logins.iter().map(|login| line(login, secrets)).collect::<Result<Vec<_>>>()?;
    disk::private_folder(path.parent().unwrap_or(Path::new(".")))?;

    disk::replace(&path, &ending::partial(&path), &merged(&old, &lines))
}

/// The fields before the password, and that.
fn line(login: &Login, secrets: &Secrets) -> Result<(String, String)> {
    let password = secrets.reveal(&login.password).unwrap_or_default();
    if password.contains(['\n', '\r', '\0']) {
        return Err(Problem::failed(format!(
            "{} has a line break, which a password file can't hold",
            login.password
        ))
        .because("nothing was changed")
        .cure("give the role another password")
        .into());
    }

    Ok((login.fields(), escaped(password)))
}

/// The first matching line counts: ours come first, and older ones for the same login are removed.
fn merged(old: &[u8], lines: &[(String, String)]) -> Vec<u8> {
    let is_ours = |line: &[u8]| {
        lines.iter().any(|(fields, _)| {
            line.strip_prefix(fields.as_bytes()).is_some_and(|rest| rest.starts_with(b":"))
        })
    };

    let mut new: Vec<u8> = lines
        .iter()
        .flat_map(|(fields, password)| format!("{fields}:{password}\n").into_bytes())
        .collect();
    let kept = old.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_ours(line));
    kept.for_each(|line| new.extend(line));

    new
}

impl Login {
    /// Host, port, database and role, as the file has them.
    pub fn fields(&self) -> String {
        // a role with this name is not the wildcard
        let user = if self.user == "*" { r"\*".to_owned() } else { escaped(&self.user) };
        [escaped(&self.host), escaped(&self.port), escaped(&self.database), user].join(":")
    }
}

/// A colon or a backslash in a field is escaped by a backslash.
fn escaped(field: &str) -> String {
    field.replace('\\', "\\\\").replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_is_escaped() {
        assert_eq!(escaped(r"a:b\c::"), r"a\:b\\c\:\:");
    }

    #[test]
    fn a_role_that_is_called_as_all_are_is_one() {
        let [host, port, database, user] = ["h", "1", "*", "*"].map(String::from);
        let password = crate::config::SecretName(String::new());
        assert_eq!(Login { host, port, database, user, password }.fields(), r"h:1:*:\*");
    }

    #[test]
    fn our_lines_come_first_and_others_stay() {
        let lines = [("localhost:5432:shop:boss".to_owned(), "new".to_owned())];
        let old =
            b"# mine\nlocalhost:5432:shop:boss:old\nlocalhost:5432:shop:bosses:x\n*:*:*:*:any\xff";
        let new = merged(old, &lines);

        assert_eq!(
            new,
            b"localhost:5432:shop:boss:new\n# mine\nlocalhost:5432:shop:bosses:x\n*:*:*:*:any\xff"
        );
        assert_eq!(merged(&new, &lines), new, "once more changes nothing");
        assert_eq!(merged(b"", &lines), b"localhost:5432:shop:boss:new\n");
    }
}
