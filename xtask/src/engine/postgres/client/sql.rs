//! SQL in files of its own, next to the module that sends it. The first line of such a file says
//! what it is for, and is not sent: a dry run shows what psql gets.

/// The statements of a file, or the body of a block.
pub(in crate::engine::postgres) const fn statements(file: &'static str) -> &'static str {
    let bytes = file.as_bytes();
    assert!(bytes[0] == b'-' && bytes[1] == b'-', "its first line says what it is for");

    let mut end = 0;
    while bytes[end] != b'\n' {
        end += 1;
    }

    file.split_at(end + 1).1
}

/// A part of a statement: the line goes on behind it.
pub(in crate::engine::postgres) const fn part(file: &'static str) -> &'static str {
    let text = statements(file);
    assert!(text.as_bytes()[text.len() - 1] == b'\n', "its last line ends");
    text.split_at(text.len() - 1).0
}

/// A text with each `{name}` in it replaced. What replaces one is not read again: a database may be
/// called like another one.
pub(in crate::engine::postgres) fn filled(text: &str, parts: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;

    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = parts
            .iter()
            .find_map(|(name, words)| Some((words, after.strip_prefix(name)?.strip_prefix('}')?)));

        match known {
            Some((words, after)) => {
                out.push_str(words);
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }

    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_first_line_is_not_sent() {
        const FILE: &str = "-- Asks for one: {it's}.\nSELECT 1;\nSELECT '-- 2';\n";
        assert_eq!(statements(FILE), "SELECT 1;\nSELECT '-- 2';\n");
        assert_eq!(part(FILE), "SELECT 1;\nSELECT '-- 2';");
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        for (text, want) in [
            ("{a} {b} {a}", "'{b}' 2 '{b}'"),
            ("'{}' {c} {a", "'{}' {c} {a"),
            ("{{a}}", "{'{b}'}"),
            ("", ""),
        ] {
            assert_eq!(filled(text, &[("a", "'{b}'"), ("b", "2")]), want, "{text}");
        }
    }
}
