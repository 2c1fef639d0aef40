//! What is left out of a backup, by glob.

use crate::problem::Problem;
use crate::value::tree::Name;

/// Globs of what is left out. One without a slash means entries of that name in any folder; one
/// with a slash is read from the root. A slash at its end means folders only. A folder that is left
/// out is left out with all that is in it.
#[derive(Debug, Clone, Default)]
pub struct Excludes(Vec<Glob>);

#[derive(Debug, Clone)]
struct Glob {
    pattern: String,
    folders_only: bool,
    anywhere: bool,
}

impl Excludes {
    /// Reads globs.
    ///
    /// # Errors
    /// One is not well-formed, or has a meaning elsewhere that it has not here.
    pub fn new<S: AsRef<str>>(globs: impl IntoIterator<Item = S>) -> Result<Self, Problem> {
        globs.into_iter().map(|glob| Glob::new(glob.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an entry is left out.
    pub fn file(&self, name: &Name) -> bool {
        self.0.iter().any(|glob| !glob.folders_only && glob.matches(name))
    }

    /// Whether a folder is left out.
    pub fn folder(&self, name: &Name) -> bool {
        self.0.iter().any(|glob| glob.matches(name))
    }

    /// Whether an entry, or a folder that it is in, is left out.
    pub fn reach(&self, name: &Name) -> bool {
        !self.0.is_empty() && (self.file(name) || self.reach_above(name))
    }

    /// The same of a folder.
    pub fn reach_folder(&self, name: &Name) -> bool {
        !self.0.is_empty() && (self.folder(name) || self.reach_above(name))
    }

    fn reach_above(&self, name: &Name) -> bool {
        let mut above = name.split().map(|(parent, _)| parent);
        while let Some(folder) = above {
            if folder != Name::ROOT && self.folder(&folder) {
                return true;
            }
            above = folder.split().map(|(parent, _)| parent);
        }
        false
    }
}

impl Glob {
    fn new(text: &str) -> Result<Self, Problem> {
        let wrong =
            |why: &str| Problem::usage(format!("the glob `{text}` can't be read")).because(why);
        let (body, folders_only) =
            text.strip_suffix('/').map_or((text, false), |body| (body, true));
        let pattern = body.trim_start_matches('/');

        if pattern.is_empty() {
            return Err(wrong("it would leave out everything or nothing").cure("take it out"));
        }
        if pattern.starts_with('!') {
            return Err(wrong("`!` takes nothing back here")
                .cure("name what is left out; `\\!` is a name that begins so"));
        }

        fast_glob::validate(pattern).map_err(|e| {
            wrong(&e.to_string()).cure("mend it; `\\` before a sign takes its meaning")
        })?;

        Ok(Self { pattern: pattern.into(), folders_only, anywhere: !body.contains('/') })
    }

    fn matches(&self, name: &Name) -> bool {
        let last = name.split().map_or(&b""[..], |(_, last)| last);
        fast_glob::glob_match(&self.pattern, if self.anywhere { last } else { name.bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_what_they_say() {
        for (glob, name, file, folder) in [
            ("cache", "cache", true, true),
            ("cache", "a/cache", true, true),
            ("cache/", "a/cache", false, true),
            ("/cache", "cache", true, true),
            ("/cache", "a/cache", false, false),
            ("*.tmp", "a/b.tmp", true, true),
            ("a/*.tmp", "a/b.tmp", true, true),
            ("a/*.tmp", "x/a/b.tmp", false, false),
            ("**/thumbs/*", "x/y/thumbs/1.png", true, true),
            ("{a,b}.log", "x/b.log", true, true),
            ("*", "x", true, true),
            ("caché", "caché", true, true),
        ] {
            let excludes = Excludes::new([glob]).unwrap();
            let name: Name = name.parse().unwrap();
            assert_eq!(
                (excludes.file(&name), excludes.folder(&name)),
                (file, folder),
                "{glob} {name}"
            );
        }

        assert!(!Excludes::default().file(&"x".parse().unwrap()));
    }

    #[test]
    fn a_glob_that_means_nothing_is_refused() {
        for glob in ["", "/", "!a", "a[", "{a", "a\\"] {
            let problem = Excludes::new([glob]).unwrap_err();
            assert_eq!(problem.exit, crate::problem::Exit::Usage, "{glob}");
            assert!(problem.cure.is_some(), "{glob}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_matched(raw in proptest::collection::vec(1u8.., 1..30)) {
            if let Ok(name) = Name::parse(&raw) {
                Excludes::new(["a*", "**/?/[a-z]*", "{x,y*}"]).unwrap().file(&name);
            }
        }
    }
}
