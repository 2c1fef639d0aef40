//! How long functions may be.

use super::{none, sources};

/// How many lines a function may have, from its `fn` to its closing brace.
const LONGEST: usize = 50;

/// The code with blanks for its comments, strings and characters, line by line as it was.
fn bare(code: &str) -> Vec<char> {
    let code: Vec<char> = code.chars().collect();
    let mut out = code.clone();
    let mut at = 0;

    while at < code.len() {
        let taken = text_at(&code, at);
        for c in out[at..at + taken].iter_mut().filter(|c| **c != '\n') {
            *c = ' ';
        }
        at += taken.max(1);
    }

    out
}

/// How many characters a comment or literal takes that begins here; 0 if none does.
fn text_at(code: &[char], at: usize) -> usize {
    let rest = &code[at..];
    let until = |end: &[char]| {
        let found = rest.windows(end.len()).skip(1).position(|w| w == end);
        found.map_or(rest.len(), |found| found + 1 + end.len())
    };
    let in_a_name = at > 0 && (code[at - 1].is_alphanumeric() || code[at - 1] == '_');
    let hashes = rest.iter().skip(1).take_while(|c| **c == '#').count();

    match rest {
        ['/', '/', ..] => until(&['\n']) - 1,
        ['/', '*', ..] => until(&['*', '/']),
        ['r', ..] if rest.get(1 + hashes) == Some(&'"') && (!in_a_name || code[at - 1] == 'b') => {
            let end = [&['"'][..], &vec!['#'; hashes]].concat();
            let opened = 2 + hashes;
            let body = &rest[opened..];
            let found = body.windows(end.len()).position(|w| *w == end[..]);
            found.map_or(rest.len(), |found| opened + found + end.len())
        }
        ['"', ..] => escaped_until(rest, '"'),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => escaped_until(rest, '\''),
        _ => 0,
    }
}

/// The length of a literal that ends with this character, if no backslash is before it.
fn escaped_until(rest: &[char], end: char) -> usize {
    let mut at = 1;

    while at < rest.len() && rest[at] != end {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }

    (at + 1).min(rest.len())
}

/// The functions with a body: the line of each, its name, and its number of lines.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let code = bare(code);
    let line = |at: usize| 1 + code[..at].iter().filter(|c| **c == '\n').count();
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut found = Vec::new();

    for at in 0..code.len() {
        let begins = at == 0 || !is_name(&code[at - 1]);
        let ['f', 'n', ' ', first, ..] = &code[at..] else { continue };
        if !begins || !is_name(first) {
            continue;
        }

        if let Some(end) = end_of(&code, at) {
            let name = code[at + 3..].iter().take_while(|c| is_name(c)).collect();
            found.push((line(at), name, line(end) - line(at) + 1));
        }
    }

    found
}

/// Where the body of a function ends; a declaration has none.
fn end_of(code: &[char], begin: usize) -> Option<usize> {
    let mut depth = 0;
    let mut is_in_body = false;

    for (at, c) in code.iter().enumerate().skip(begin) {
        match c {
            ';' if depth == 0 => return None,
            '{' if depth == 0 => (depth, is_in_body) = (1, true),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }

        if is_in_body && depth == 0 {
            return Some(at);
        }
    }

    None
}

/// Those that are too long, as `file:line: name has so many lines`.
fn too_long(file: &str, code: &str) -> Vec<String> {
    let long = functions(code).into_iter().filter(|(_, _, lines)| *lines > LONGEST);
    long.map(|(line, name, lines)| format!("{file}:{line}: `{name}` has {lines} lines")).collect()
}

/// A function with this many lines, whose text and comments have braces that close nothing.
fn of_lines(lines: usize) -> String {
    let body = "    let a = [b'}', '}' as u8]; // }\n".repeat(lines - 6);
    let head = "pub(super) fn long<'a>(\n    b: [&'a str; 2],\n) -> Result<()> {\n";
    format!("{head}{body}    r#\"\n}}\"#\n}}")
}

#[test]
fn a_function_of_fifty_one_lines_is_found() {
    let trait_of_two = "trait A {\n    fn of(a: [u8; 2]);\n    fn one() {}\n}\n";
    let code = |lines| format!("{trait_of_two}{}\nfn after() {{\n}}\n", of_lines(lines));

    assert_eq!(too_long("a.rs", &code(51)), ["a.rs:5: `long` has 51 lines"]);
    assert_eq!(too_long("a.rs", &code(50)), [""; 0]);

    let known = [("one", 1), ("long", 51), ("after", 2)].map(|(name, n)| (name.to_owned(), n));
    let read = functions(&code(51)).into_iter().map(|(_, name, lines)| (name, lines));
    assert_eq!(read.collect::<Vec<_>>(), known);
}

#[test]
fn functions_stay_readable() {
    let sources = sources();
    let read: usize = sources.values().map(|code| functions(code).len()).sum();
    assert!(read > 2_000, "only {read} functions were read");

    let long: Vec<String> = sources.iter().flat_map(|(file, code)| too_long(file, code)).collect();
    none(&long, "a function of more than 50 lines does more than its name says");
}
