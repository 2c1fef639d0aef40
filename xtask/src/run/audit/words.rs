//! The command line as it is logged: without what is secret, by its value, its name or its place.

use crate::config::{HIDDEN, Secrets, is_secret_name};

/// The words without secrets.
pub(super) fn redacted(words: &[String], secrets: &Secrets) -> Vec<String> {
    let mut is_secret = false;
    let mut one = |word: &String| {
        if std::mem::replace(&mut is_secret, false) && !word.starts_with('-') {
            return HIDDEN.to_owned();
        }

        is_secret = word.starts_with("--") && !word.contains('=') && is_secret_name(word);
        let plain = secrets.redact(&Secrets::without_passwords(word));
        without_literals(&without_values(&plain))
    };
    words.iter().map(&mut one).collect()
}

/// `--password=x`, `PGPASSWORD=x`, `host=h password='a b'`
fn without_values(word: &str) -> String {
    let (mut out, mut rest) = (String::new(), word);

    while let Some(at) = rest.find('=') {
        let (before, value) = (&rest[..at], &rest[at + 1..]);
        let name = before.rsplit(|c: char| c.is_whitespace() || c == '&' || c == '?').next();
        out.push_str(before);
        out.push('=');
        rest = value;

        if name.is_some_and(is_secret_name) && !value.is_empty() {
            out.push_str(HIDDEN);
            rest = &value[length(value)..];
        }
    }

    out + rest
}

/// `ALTER ROLE boss PASSWORD 'x'`
fn without_literals(word: &str) -> String {
    const KEYWORD: &str = "PASSWORD";
    let upper = word.to_ascii_uppercase();
    let (mut out, mut from) = (String::new(), 0);

    while let Some(at) = upper[from..].find(KEYWORD) {
        let after = from + at + KEYWORD.len();
        let value = word[after..].trim_start();
        let start = word.len() - value.len();
        out.push_str(&word[from..start]);
        from = start;

        if value.starts_with(['\'', '$']) {
            out.push_str(HIDDEN);
            from = start + length(value);
        }
    }

    out + &word[from..]
}

/// The length of a value: to the quotation mark that ends it, or to the next space or `&`.
fn length(value: &str) -> usize {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        return value.find(|c: char| c.is_whitespace() || c == '&').unwrap_or(value.len());
    };

    // a doubled one, or one after a backslash, is part of it
    let (mut escaped, mut chars) = (false, value.char_indices().skip(1).peekable());
    while let Some((at, c)) = chars.next() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote && chars.peek().is_some_and(|(_, next)| *next == quote) => {
                escaped = true;
            }
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }

    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_in_a_command_line() {
        let mut secrets = Secrets::default();
        secrets.keep("DATABASE_URL's password", "hunter22".into());

        for (word, shown) in [
            ("db-backup", "db-backup"),
            ("--only=main", "--only=main"),
            ("--password=s3cret", "--password=***"),
            ("PGPASSWORD=s3cret", "PGPASSWORD=***"),
            ("postgres://u:s3cret@h/d", "postgres://u:***@h/d"),
            ("postgres://h/d?user=u&password=s3cret&x=1", "postgres://h/d?user=u&password=***&x=1"),
            ("host=h password=s3cret dbname=d", "host=h password=*** dbname=d"),
            (r"host=h password='s3\'cr et' dbname=d", "host=h password=*** dbname=d"),
            ("password='s3cret", "password=***"),
            ("alter role x Password 's3''cret', y", "alter role x Password ***, y"),
            ("ALTER ROLE x PASSWORD NULL", "ALTER ROLE x PASSWORD NULL"),
            ("before hunter22 was changed", "before *** was changed"),
            ("a=b=c", "a=b=c"),
            ("PASSWORD", "PASSWORD"),
            ("größe password 'ü'", "größe password ***"),
            ("", ""),
        ] {
            assert_eq!(redacted(&[word.to_owned()], &secrets), [shown], "{word}");
        }

        let words = ["--api-token", "s3cret", "--token", "--yes", "x"].map(String::from);
        assert_eq!(redacted(&words, &secrets), ["--api-token", "***", "--token", "--yes", "x"]);
    }
}
