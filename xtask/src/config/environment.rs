//! The environment's name: where it comes from, and whether it means production. Both are pure
//! decisions.

use std::fmt;

use super::env::{Broken, Env};
use super::settings::project::DEVELOPMENT;
use super::settings::variables::FRAMEWORKS;

/// Our own variable.
const OWN: &str = "ENVIRONMENT";

/// Names of production, also as a part of a longer name.
pub const PRODUCTION: [&str; 4] = ["production", "prod", "prd", "live"];

/// Where a word comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A variable.
    Variable(&'static str),
    /// `project.environment`.
    File,
    /// Nothing is set.
    Default,
}

/// What `project.environment` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// A word that does not depend on variables.
    Literal(String),
    /// A word from a variable.
    Variable(String),
    /// A default for variables that are not set (`${ENVIRONMENT:-development}`).
    Fallback(String),
}

/// The environment: ENVIRONMENT wins over the file, but never loosens a protected name that the
/// file says outright. If neither says anything, the framework's variable counts; of several, the
/// protected one does.
///
/// # Errors
/// A variable is set in a line of `.env` that can't be read.
pub fn choose(
    said: &Said,
    env: &Env,
    protects: &dyn Fn(&str) -> bool,
) -> Result<(String, Origin), Broken> {
    let own = env.needed(OWN)?;
    let (file, origin) = match (said, own) {
        (Said::Literal(word), _) if protects(word) => return Ok((word.clone(), Origin::File)),
        (_, Some(word)) => return Ok((word.to_owned(), Origin::Variable(OWN))),
        (Said::Literal(word), None) => return Ok((word.clone(), Origin::File)),
        (Said::Variable(word) | Said::Fallback(word), None) => (word.as_str(), Origin::File),
        (Said::Nothing, None) => (DEVELOPMENT, Origin::Default),
    };

    let mut frameworks = Vec::new();
    for name in FRAMEWORKS {
        frameworks.extend(env.needed(name)?.map(|word| (word, Origin::Variable(name))));
    }

    let own_word = matches!(said, Said::Variable(_));
    let strictest = [(file, origin)]
        .into_iter()
        .chain(frameworks.iter().copied())
        .find(|(word, _)| protects(word));
    let first = frameworks.first().copied().filter(|_| !own_word);
    let (word, origin) = strictest.or(first).unwrap_or((file, origin));

    Ok((word.to_owned(), origin))
}

/// Whether a name means production: one of its parts does (`prod-eu`, `eu_production`, `prod1`, a
/// misspelt `prodution`), unless it follows `non`, `not` or `pre`.
pub fn is_production(name: &str) -> bool {
    let lower = apart(&as_seen(name)).to_lowercase();
    let parts: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let denied = |at: usize| {
        at.checked_sub(1).is_some_and(|before| ["non", "not", "pre"].contains(&parts[before]))
    };
    parts.iter().enumerate().any(|(at, part)| means_production(part) && !denied(at))
}

/// A name as a person reads it: without invisible characters (a pasted zero-width space), and with
/// Latin letters for look-alikes of other scripts.
fn as_seen(name: &str) -> String {
    let is_seen = |c: &char| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let latin = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'о' | 'О' | 'ο' | 'Ο' => 'o',
        'с' | 'С' => 'c',
        'е' | 'Е' | 'Ε' => 'e',
        'і' | 'І' | 'ι' | 'Ι' => 'i',
        'ѵ' | 'ν' => 'v',
        'ԁ' => 'd',
        'ӏ' | 'Ӏ' => 'l',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'υ' => 'u',
        'п' | 'Ν' => 'n',
        'г' => 'r',
        _ => c,
    };
    name.chars().filter(is_seen).map(latin).collect()
}

/// Words that are told apart by a capital (`prodEU`, `EUProduction`), with a blank between them.
fn apart(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut words = String::with_capacity(name.len() + 4);

    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let begins = before.is_some_and(char::is_lowercase)
            || before.is_some_and(char::is_uppercase)
                && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && begins {
            words.push(' ');
        }
        words.push(*letter);
    }

    words
}

fn means_production(part: &str) -> bool {
    let word = part.trim_end_matches(|c: char| c.is_numeric());
    // two typos seldom include the first letter, and `reduction` and `reproduction` are other words
    let slips = match strsim::osa_distance(word, "production") {
        1 => true,
        2 => word.starts_with('p'),
        _ => false,
    };
    PRODUCTION.contains(&word) || slips
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File => f.write_str("`project.environment`"),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn productions_names() {
        for name in [
            "production",
            "Production ",
            "PRODUCTION",
            "prodEU",
            "pro\u{200b}duction",
            "\u{feff}prod",
            "рrod",
            "prоd-eu",
            "ｐｒｏｄ",
            "lіvе",
            "EUProduction",
            "myLive",
            "prod",
            "prd",
            "live",
            "prod-eu",
            "eu_production",
            "prod1",
            "prod-1",
            "prod.eu",
            "eu/prod",
            "production2",
            "prodution",
            "prodcution",
            "producton",
            "prodcutoin",
            "productions",
            "live-eu",
            "pre-prod-live",
            "not-staging-prod",
        ] {
            assert!(is_production(name), "{name}");
        }

        for name in [
            "",
            "development",
            "staging",
            "test",
            "product-dev",
            "product",
            "products",
            "non-prod",
            "not_production",
            "pre-prod",
            "pre.prod",
            "nonprod",
            "preprod",
            "preproduction",
            "delivery",
            "alive",
            "liver",
            "reproduction",
            "reduction",
            "introduction",
            "prodding",
            "produce",
            "main",
            "1",
        ] {
            assert!(!is_production(name), "{name}");
        }
    }

    #[test]
    fn who_says_it() {
        let literal = |word: &str| Said::Literal(word.into());
        let fallback = |word: &str| Said::Fallback(word.into());

        for (said, env, want) in [
            (Said::Nothing, Env::of([]), ("development", Origin::Default)),
            (
                Said::Nothing,
                Env::of([("NODE_ENV", "test")]),
                ("test", Origin::Variable("NODE_ENV")),
            ),
            (
                Said::Nothing,
                Env::of([("NODE_ENV", "test"), ("APP_ENV", "prod")]),
                ("prod", Origin::Variable("APP_ENV")),
            ),
            (
                Said::Nothing,
                Env::of([("ENVIRONMENT", "ci"), ("NODE_ENV", "production")]),
                ("ci", Origin::Variable("ENVIRONMENT")),
            ),
            (
                literal("development"),
                Env::of([("NODE_ENV", "production")]),
                ("development", Origin::File),
            ),
            (
                literal("development"),
                Env::of([("ENVIRONMENT", "production")]),
                ("production", Origin::Variable("ENVIRONMENT")),
            ),
            (
                literal("staging"),
                Env::of([("ENVIRONMENT", "ci")]),
                ("ci", Origin::Variable("ENVIRONMENT")),
            ),
            (literal("prod-eu"), Env::of([("ENVIRONMENT", "ci")]), ("prod-eu", Origin::File)),
            (
                fallback("production"),
                Env::of([("ENVIRONMENT", "ci")]),
                ("ci", Origin::Variable("ENVIRONMENT")),
            ),
            (fallback("production"), Env::of([("NODE_ENV", "ci")]), ("production", Origin::File)),
            (
                fallback("development"),
                Env::of([("RAILS_ENV", "production")]),
                ("production", Origin::Variable("RAILS_ENV")),
            ),
            (fallback("development"), Env::of([]), ("development", Origin::File)),
            (Said::Variable("qa".into()), Env::of([("RAILS_ENV", "test")]), ("qa", Origin::File)),
            (
                Said::Variable("qa".into()),
                Env::of([("MIX_ENV", "live")]),
                ("live", Origin::Variable("MIX_ENV")),
            ),
        ] {
            let got = choose(&said, &env, &is_production).unwrap();
            assert_eq!((got.0.as_str(), got.1), want, "{said:?} {env:?}");
        }
    }
}
