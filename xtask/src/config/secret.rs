//! Secrets: values that travel by name. Plans, logs and errors only ever hold the name.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a secret, which people read instead of it (`DATABASE_URL's password`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretName(pub String);

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The values. Only `run`'s doors read them, on the way into a child's environment.
#[derive(Default, Clone)]
pub struct Secrets {
    values: BTreeMap<SecretName, String>,
    /// Other spellings (percent-encoded in a URI), never shown either.
    spellings: Vec<String>,
    /// Secrets of the project's other programs, which these may print.
    overheard: Vec<String>,
    /// Words of a command line that hold secrets, by what is shown instead.
    words: BTreeMap<String, String>,
}

impl Secrets {
    /// Keeps a value under a name that tells where it came from. An earlier value of the same name
    /// stays, and the new one gets a number: whoever holds the first name means the first value
    /// (two databases with the same name have two URLs).
    pub fn keep(&mut self, name: impl Into<String>, value: String) -> SecretName {
        let first = name.into();
        let mut name = SecretName(first.clone());
        let mut number = 1;

        while self.values.get(&name).is_some_and(|kept| *kept != value) {
            number += 1;
            name = SecretName(format!("{first} ({number})"));
        }

        self.values.insert(name.clone(), value);

        name
    }

    /// The value, for a child's environment.
    pub fn reveal(&self, name: &SecretName) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Keeps another spelling of a value that is already kept.
    pub fn also_hide(&mut self, spelling: String) {
        self.spellings.push(spelling);
    }

    /// Keeps a word of a command line under what is shown of it.
    pub fn stand_in(&mut self, shown: String, word: String) {
        self.words.insert(shown, word);
    }

    /// What is secret in an environment: values whose names say so, and passwords in addresses.
    pub fn of_environment<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in pairs {
            if is_secret_name(name) {
                secrets.also_hide(value.to_owned());
            }
            secrets.spellings.extend(password_in(value).map(String::from));
        }
        secrets
    }

    /// Keeps what is secret in the environment that programs of the project run in.
    pub fn overhear<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        for (name, value) in pairs {
            let found =
                if is_worth_covering(name, value) { Some(value) } else { password_in(value) };
            self.overheard.extend(
                found
                    .filter(|value| !self.overheard.iter().any(|other| other == value))
                    .map(String::from),
            );
        }
    }

    /// A text without the passwords of the addresses in it.
    pub fn without_passwords(text: &str) -> String {
        let hidden = |word: &str| {
            password_in(word).map_or_else(
                || word.to_owned(),
                |p| word.replace(&format!(":{p}@"), &format!(":{HIDDEN}@")),
            )
        };
        text.split(' ').map(hidden).collect::<Vec<_>>().join(" ")
    }

    /// The real word for one that is shown.
    pub fn word<'a>(&'a self, shown: &'a str) -> &'a str {
        self.words.get(shown).map_or(shown, String::as_str)
    }

    /// What another program says, with every secret in it replaced: servers repeat what they were
    /// sent. A very short secret is replaced only as a word of its own, so that other words stay
    /// whole.
    pub fn redact(&self, text: &str) -> String {
        redacted(text, self.all())
    }

    /// The same for the output of the project's own programs: they have secrets of other services,
    /// too.
    pub fn redact_hook(&self, text: &str) -> String {
        redacted(text, self.all().chain(&self.overheard))
    }

    /// The same for our own texts: a very short secret can only be in a URI or after `password=`.
    pub fn cover(&self, text: &str) -> String {
        covered(text, self.all())
    }

    fn all(&self) -> impl Iterator<Item = &String> + Clone {
        self.values.values().chain(&self.spellings).filter(|value| !value.is_empty())
    }
}

fn redacted<'a>(text: &str, all: impl Iterator<Item = &'a String> + Clone) -> String {
    let short = all.clone().filter(|value| value.len() < SHORT);
    short.fold(covered(text, all), |text, value| without_word(&text, value))
}

fn covered<'a>(text: &str, all: impl Iterator<Item = &'a String>) -> String {
    let mut all: Vec<&String> = all.collect();
    // one may be the beginning of another
    all.sort_by_key(|value| std::cmp::Reverse(value.len()));

    all.into_iter().fold(text.to_owned(), |text, value| {
        if value.len() >= SHORT {
            return text.replace(value.as_str(), HIDDEN);
        }
        let places = [
            (format!(":{value}@"), format!(":{HIDDEN}@")),
            (format!("password={value}"), format!("password={HIDDEN}")),
        ];
        places.iter().fold(text, |text, (place, covered)| text.replace(place, covered))
    })
}

/// What stands for a secret.
pub const HIDDEN: &str = "***";

/// A secret shorter than this may be a part of any word.
const SHORT: usize = 4;

/// A text without a word, if that is not a part of a longer one.
fn without_word(text: &str, word: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (
            rest[..at].chars().next_back().or_else(|| out.chars().next_back()),
            &rest[at + word.len()..],
        );
        let alone = !before.is_some_and(char::is_alphanumeric)
            && !after.chars().next().is_some_and(char::is_alphanumeric);
        out.push_str(&rest[..at]);
        out.push_str(if alone { HIDDEN } else { word });
        rest = after;
    }

    out + rest
}

/// Whether a variable of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let parts = name.to_ascii_uppercase();
    let words = [
        "PASS",
        "PWD",
        "SECRET",
        "TOKEN",
        "KEY",
        "CREDENTIAL",
        "AUTH",
        "PRIVATE",
        "SIGNATURE",
        "SALT",
        "COOKIE",
    ];
    words.iter().any(|word| parts.contains(word))
}

/// Whether a variable that the file does not use holds a secret: only its name can tell, and a
/// folder or a switch may have such a name, too (`PWD`, `SSH_AUTH_SOCK`, `AUTH_ENABLED`).
fn is_worth_covering(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let says_so = ["PASS", "SECRET", "TOKEN"].iter().any(|word| upper.contains(word));
    says_so && value.len() >= SHORT
        || is_secret_name(name) && value.len() >= LONG && !value.starts_with('/')
}

/// A value this long is hardly an ordinary word.
const LONG: usize = 8;

/// The password in whatever looks like a URI, as written: all from the first colon to the last `@`,
/// because a badly encoded password is just as secret.
pub fn password_in(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (who, _) = rest.rsplit_once('@')?;
    who.split_once(':').map(|(_, password)| password).filter(|password| !password.is_empty())
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_redacted_text_holds_a_value() {
        let mut secrets = Secrets::default();
        secrets.keep("DATABASE_URL's password", "hunter22".into());
        assert_eq!(format!("{secrets:?}"), "[SecretName(\"DATABASE_URL's password\")]");
        assert_eq!(secrets.redact("url postgresql://u:hunter22@h"), "url postgresql://u:***@h");
        secrets.keep("a longer one", "hunter22/x".into());
        secrets.also_hide("hunter22%2Fx".into());
        assert_eq!(secrets.redact("hunter22/x hunter22%2Fx hunter22"), "*** *** ***");
    }

    #[test]
    fn two_values_of_one_name_stay_two() {
        let mut secrets = Secrets::default();
        let [one, other, again] = ["first", "second", "first"]
            .map(|value| secrets.keep("DATABASE_URL of `app`", value.into()));
        assert_eq!((secrets.reveal(&one), secrets.reveal(&other)), (Some("first"), Some("second")));
        assert_eq!(again, one);
        assert_eq!(other.0, "DATABASE_URL of `app` (2)");
    }

    #[test]
    fn a_short_one_is_no_part_of_a_word_and_shows_nowhere() {
        let mut secrets = Secrets::default();
        secrets.keep("pw", "abc".into());
        secrets.keep("one", "x".into());

        for (said, redacted, covered) in [
            ("pw is abc, abcd, 'abc'", "pw is ***, abcd, '***'", "pw is abc, abcd, 'abc'"),
            (
                "postgres://u:abc@h u:x@h",
                "postgres://u:***@h u:***@h",
                "postgres://u:***@h u:***@h",
            ),
            ("next x.sql xx abcabc abc", "next ***.sql xx abcabc ***", "next x.sql xx abcabc abc"),
            ("password=abc password=x", "password=*** password=***", "password=*** password=***"),
        ] {
            assert_eq!(
                (secrets.redact(said).as_str(), secrets.cover(said).as_str()),
                (redacted, covered)
            );
        }

        assert_eq!(without_word("éa a", "a"), "éa ***");
    }

    #[test]
    fn what_other_programs_may_repeat_is_covered_where_they_speak() {
        let mut secrets = Secrets::default();
        let env = [
            ("REDIS_URL", "redis://:r3dis@cache:6379/0"),
            ("SMTP_PASSWORD", "mail"),
            ("STRIPE_KEY", "sk_live_12345"),
            ("AUTH_ENABLED", "true"),
            ("PWD", "/srv/shop"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-1/agent"),
            ("SHOP_SECRET_FILE", "/run/secrets/shop"),
            ("PORT", "12345678"),
        ];

        secrets.overhear(env.into_iter());
        let said =
            "redis://:r3dis@cache mail sk_live_12345 true /srv/shop /tmp/ssh-1/agent 12345678";
        assert_eq!(
            secrets.redact_hook(said),
            "redis://:***@cache *** *** true /srv/shop /tmp/ssh-1/agent 12345678"
        );
        assert_eq!(secrets.redact(said), said, "a server's words are read");
    }

    #[test]
    fn names_and_uris_that_hold_secrets() {
        for (name, secret) in [
            ("GITHUB_TOKEN", true),
            ("dbPassword", true),
            ("API_KEY", true),
            ("NODE_ENV", false),
            ("PORT", false),
        ] {
            assert_eq!(is_secret_name(name), secret, "{name}");
        }

        for (value, password) in [
            ("postgres://u:p@h/d", Some("p")),
            ("postgres://u:2024/p@ss@h/d", Some("2024/p@ss")),
            ("postgres://u@h/d", None),
            ("http://h:80/x", None),
            ("plain", None),
        ] {
            assert_eq!(password_in(value), password, "{value}");
        }
    }

    #[test]
    fn a_word_of_a_command_is_shown_by_its_names() {
        let mut secrets = Secrets::default();
        secrets.stand_in("token <$T>".into(), "token abc".into());
        assert_eq!((secrets.word("token <$T>"), secrets.word("other")), ("token abc", "other"));
    }
}
