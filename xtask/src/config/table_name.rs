//! Tables as people name them in `db-tasks.toml`: `users`, `shop.users`, `shop."Odd.Name"`.

use std::fmt;

/// A table, in one schema or in any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    schema: Option<Part>,
    table: Part,
    written: String,
}

/// A word of a name. Without quotes it matches as in SQL, and also exactly as written: people write
/// `Users` for a table that was created as `"Users"`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    text: String,
    folded: Option<String>,
}

impl Part {
    fn is(&self, name: &str) -> bool {
        self.text == name || self.folded.as_deref() == Some(name)
    }
}

impl TableName {
    /// Reads one or two words with a dot between them; a word in double quotes may hold anything.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, after) = next(rest)?;
            parts.push(part);
            match after.strip_prefix('.') {
                Some(more) => rest = more,
                None if after.is_empty() => break,
                None => return None,
            }
        }

        let table = parts.pop()?;
        let schema = parts.pop();

        parts.is_empty().then(|| Self { schema, table, written: text.trim().to_owned() })
    }

    /// Whether it is `*`, which some keys take for every table.
    pub(super) fn is_star(&self) -> bool {
        self.written == "*"
    }

    /// Whether the table with this whole name is meant, as `format('%I.%I', …)` writes it.
    pub fn means(&self, name: &str) -> bool {
        let whole = Self::parse(name);
        whole.is_some_and(|n| n.schema.is_some_and(|s| self.fits(&s.text, &n.table.text)))
    }

    /// Whether this table is meant.
    pub fn fits(&self, schema: &str, table: &str) -> bool {
        self.table.is(table) && self.schema.as_ref().is_none_or(|s| s.is(schema))
    }
}

fn next(text: &str) -> Option<(Part, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let part = Part { text: word.to_owned(), folded: Some(word.to_lowercase()) };
        return (!word.is_empty() && !word.contains('"')).then_some((part, rest));
    };

    let mut word = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"')?;
        word.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                word.push('"');
                rest = more;
            }
            None => {
                return (!word.is_empty()).then_some((Part { text: word, folded: None }, after));
            }
        }
    }
}

/// As it was written.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_has_them() {
        for (text, schema, table, want) in [
            ("users", "public", "users", true),
            ("users", "any", "users", true),
            ("users", "public", "users2", false),
            ("Users", "public", "Users", true),
            ("Users", "public", "users", true),
            ("\"Users\"", "public", "users", false),
            ("shop.users", "shop", "users", true),
            ("shop.users", "public", "users", false),
            ("shop.\"Odd.Name\"", "shop", "Odd.Name", true),
            ("\"Odd.Name\"", "shop", "Odd.Name", true),
            ("\"my \"\"s\"\"\".t", "my \"s\"", "t", true),
        ] {
            assert_eq!(
                TableName::parse(text).unwrap().fits(schema, table),
                want,
                "{text} {schema} {table}"
            );
        }

        for (text, whole, want) in [
            ("users", "public.users", true),
            ("Users", "public.\"Users\"", true),
            ("shop.\"Odd.Name\"", "shop.\"Odd.Name\"", true),
            ("shop.users", "public.users", false),
            ("users", "users", false),
            ("users", "", false),
        ] {
            assert_eq!(TableName::parse(text).unwrap().means(whole), want, "{text} {whole}");
        }

        for text in ["", ".", "a.", ".a", "a.b.c", "\"a", "a\"b", "\"\"", "\"a\"b"] {
            assert_eq!(TableName::parse(text), None, "{text}");
        }
    }
}
