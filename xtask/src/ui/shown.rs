//! The only way for text to a terminal. Names, comments, files and the output of other programs may
//! hold anything: what would move the cursor, change a colour or the direction of writing is shown
//! as an escape, and so is a byte that is not UTF-8.

use std::borrow::Cow;

use crate::bytes;

/// A text as it may be shown: line breaks and tabs are its layout.
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !matches!(c, '\n' | '\t') && is_unsafe(c), escape)
}

/// The same for text of one line, such as a name: a line break in it would fake a new line.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unsafe, escape)
}

/// A JSON document as it may be shown. It stays the same document: such characters can only be in
/// strings.
pub fn json(document: &str) -> Cow<'_, str> {
    let escape = |c: char| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    escaped(document, |c| c != '\n' && is_unsafe(c), escape)
}

/// The output of one of the project's own programs: without its colours, and only the last state of
/// a line that it redraws.
pub fn program_line(line: &str) -> String {
    let last = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    self::line(&without_colours(last)).into_owned()
}

/// A text without its colours.
pub fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut out = parts.next().unwrap_or_default().to_owned();

    for part in parts {
        // Select Graphic Rendition (ECMA-48): digits and semicolons, then an `m`
        match part.find(|c: char| !c.is_ascii_digit() && c != ';') {
            Some(at) if part[at..].starts_with('m') => out.push_str(&part[at + 1..]),
            _ => {
                out.push_str("\x1b[");
                out.push_str(part);
            }
        }
    }

    out
}

fn escaped(
    text: &str,
    is_unsafe: impl Fn(char) -> bool,
    escape: impl Fn(char) -> String,
) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { out.push_str(&escape(c)) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// C0, C1 and DEL; what changes the direction
/// (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>); what breaks a line;
/// what is invisible.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || bytes::is_foreign(c)
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(c: char) -> String {
    match c {
        '\n' => r"\n".into(),
        '\r' => r"\r".into(),
        '\t' => r"\t".into(),
        c if u32::from(c) < 0x100 => format!("\\x{:02x}", u32::from(c)),
        c => bytes::byte(c)
            .map_or_else(|| format!("\\u{{{:x}}}", u32::from(c)), |byte| format!("\\x{byte:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_a_cursor_or_turns_a_line() {
        for (given, want) in [
            ("plain ü 語 🦀", "plain ü 語 🦀"),
            ("\x1b[2J\x07", r"\x1b[2J\x07"),
            ("a\u{9b}31m\x7f", r"a\x9b31m\x7f"),
            ("user\u{202e}gnp.exe\u{2066}", r"user\u{202e}gnp.exe\u{2066}"),
            ("\u{feff}x\u{2028}y\u{e0041}", r"\u{feff}x\u{2028}y\u{e0041}"),
            ("a\rb", r"a\rb"),
            (&bytes::text(b"caf\xe9"), r"caf\xe9"),
        ] {
            assert_eq!(text(given), want);
            assert_eq!(line(given), want);
        }

        assert_eq!(
            (text("a\n\tb"), line("a\n\tb")),
            (Cow::Borrowed("a\n\tb"), Cow::Borrowed(r"a\n\tb"))
        );
    }

    #[test]
    fn a_document_stays_what_it_says() {
        let value = serde_json::json!({ "name": "a\u{9b}\u{202e}\u{e0041}\x1b\n" });
        let shown = json(&serde_json::to_string_pretty(&value).unwrap()).into_owned();
        assert!(shown.chars().all(|c| c == '\n' || !is_unsafe(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_programs_colours_are_left_out() {
        for (given, want) in [
            ("\x1b[32mok\x1b[0m done\x1b[m", "ok done"),
            ("10%\r20%\r100%\r", "100%"),
            ("\x1b[2Kx\x1b]0;title\x07", r"\x1b[2Kx\x1b]0;title\x07"),
        ] {
            assert_eq!(program_line(given), want);
        }
    }
}
