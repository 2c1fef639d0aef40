//! What is left out of a backup, by glob.

use crate::glob;
use crate::problem::Problem;
use crate::value::tree::Name;

/// Globs of what is left out. One without a slash matches entries of that name in any folder; one
/// with a slash is relative to the root. A slash at its end matches only folders. A folder is left
/// out with everything in it.
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
    /// One is not well-formed, or would mean something different in other tools.
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

    /// Whether an entry, or a folder it is in, is left out.
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
            |why: &str| Problem::usage(format!("the glob `{text}` is not valid")).because(why);
        let (body, folders_only) =
            text.strip_suffix('/').map_or((text, false), |body| (body, true));
        let pattern = body.trim_start_matches('/');

        if pattern.is_empty() {
            return Err(wrong("it would exclude everything or nothing").cure("remove it"));
        }
        if pattern.starts_with('!') {
            return Err(wrong("`!` can't include something again")
                .cure("name only what to exclude; `\\!` matches a name that begins with `!`"));
        }

        glob::valid(pattern)
            .map_err(|e| wrong(&e).cure("fix it; `\\` before a character makes it literal"))?;

        Ok(Self { pattern: pattern.into(), folders_only, anywhere: !body.contains('/') })
    }

    fn matches(&self, name: &Name) -> bool {
        let last = name.split().map_or(&b""[..], |(_, last)| last);
        glob::fits(&self.pattern, if self.anywhere { last } else { name.bytes() })
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
