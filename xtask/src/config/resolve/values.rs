//! Values of one kind, each with its origin.

use std::path::PathBuf;

use anyhow::Result;
use toml::Spanned;

use super::super::file::{File, Scalar, Text};
use super::super::project::{Others, Strategy};
use super::super::settings::{Fallback, Key, Variables, by_task};
use super::{Resolver, nothing_said, text_of};
use crate::problem::{Code, Problem};

impl Resolver<'_> {
    /// What the file and the variables of this key say, and the default if they say nothing.
    pub(super) fn setting(&mut self, key: &Key, value: Option<&Text>) -> Result<Option<String>> {
        let found = match key.variables {
            Variables::None => self.in_file(&key.text, value)?,
            Variables::Win(names) => match self.by_variable(&key.text, names)? {
                Some(found) => Some(found),
                None => self.in_file(&key.text, value)?,
            },
            Variables::GiveWay(names) => match self.in_file(&key.text, value)? {
                Some(found) => Some(found),
                None => self.by_variable(&key.text, names)?,
            },
        };

        Ok(match (found, key.fallback) {
            (None, Fallback::Is(fallback)) => Some(self.by_default(key, fallback)),
            (found, _) => found,
        })
    }

    /// The same, for a key that always has a value.
    pub(super) fn needed(&mut self, key: &Key, value: Option<&Text>) -> Result<String> {
        self.setting(key, value)?.ok_or_else(|| nothing_said(key))
    }

    pub(super) fn by_default(&mut self, key: &Key, fallback: &str) -> String {
        self.note(&key.text, fallback, "default");
        fallback.to_owned()
    }

    pub(super) fn by_variable(&mut self, key: &str, names: &[&str]) -> Result<Option<String>> {
        let Some((name, found)) = self.env.first(names)? else { return Ok(None) };
        let (found, name) = (found.to_owned(), name.to_owned());

        self.plain(key, &found)?;
        self.hide(&name);
        self.note(key, &found, format!("${name}"));

        Ok(Some(found))
    }

    pub(super) fn in_file(&mut self, key: &str, value: Option<&Text>) -> Result<Option<String>> {
        let Some(value) = value else { return Ok(None) };
        let (text, origin) = self.expand(key, value.span().start, value.as_ref())?;
        self.plain(key, &text)?;
        self.note(key, &text, origin);
        Ok(Some(text).filter(|t| !t.is_empty()))
    }

    pub(super) fn list(&mut self, key: &str, values: &[Text]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for value in values {
            found.push(self.expand(key, value.span().start, value.as_ref())?.0);
        }
        if let Some(first) = values.first() {
            let origin = self.expand(key, first.span().start, "")?.1;
            self.note(key, &found.join(", "), origin);
        }

        Ok(found)
    }

    /// A text that this parser understands. It says why not, and gives an example.
    pub(super) fn parsed<T>(
        &mut self,
        key: &Key,
        value: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, (String, &'static str)>,
    ) -> Result<Option<T>> {
        let Some(found) = self.setting(key, value)? else { return Ok(None) };
        let parsed = parse(&found).map_err(|(why, example)| {
            let origin = self.entries.last().map(|e| e.origin.clone()).unwrap_or_default();
            let word = key.text.rsplit('.').next().unwrap_or_default();
            Problem::usage(format!("`{}` is `{found}` ({origin})", key.text))
                .code(Code::Config)
                .because(why)
                .cure(format!("write it like `{word} = {example}`"))
        })?;

        Ok(Some(parsed))
    }

    pub(super) fn number(
        &mut self,
        key: &Key,
        value: Option<&Spanned<Scalar>>,
    ) -> Result<Option<u32>> {
        let Some(found) = self.setting(key, value.map(text_of).as_ref())? else { return Ok(None) };
        let key = &key.text;
        let number = found.trim().parse().map_err(|_| {
            let origin = self.entries.last().map(|e| e.origin.clone()).unwrap_or_default();
            Problem::usage(format!("`{key}` is `{found}` ({origin})"))
                .code(Code::Config)
                .because("it must be a whole number")
                .cure(format!("write it like `{} = 7`", key.rsplit('.').next().unwrap_or(key)))
        })?;
        Ok(Some(number))
    }

    /// The same, for a key that always has a value.
    pub(super) fn count(&mut self, key: &Key, value: Option<&Spanned<Scalar>>) -> Result<u32> {
        self.number(key, value)?.ok_or_else(|| nothing_said(key))
    }

    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.root.join(text)
    }

    /// A path that is read from the file's folder, if one is set.
    pub(super) fn path_of(&mut self, key: &Key, value: Option<&Text>) -> Result<Option<PathBuf>> {
        Ok(self.setting(key, value)?.map(|path| self.path(&path)))
    }

    pub(super) fn restore_without(&mut self, file: &File) -> Result<Vec<Others>> {
        let keys = [
            (&by_task::NO_OWNER, &file.restore.no_owner, Others::Owners),
            (&by_task::NO_PRIVILEGES, &file.restore.no_privileges, Others::Rights),
        ];
        let mut without = Vec::new();
        for (key, said, claim) in keys {
            without.extend(self.switch(&key.key(), said.as_ref())?.then_some(claim));
        }

        Ok(without)
    }

    pub(super) fn switch(&mut self, key: &Key, said: Option<&Spanned<bool>>) -> Result<bool> {
        let text = said.map(|said| Spanned::new(said.span(), said.as_ref().to_string()));
        Ok(self.setting(key, text.as_ref())?.as_deref() == Some("true"))
    }

    pub(super) fn strategy(&mut self, file: &File) -> Result<Strategy> {
        let said = self.needed(&by_task::STRATEGY.key(), file.reset.strategy.as_ref())?;
        match said.as_str() {
            "in-place" => Ok(Strategy::InPlace),
            "staged" => Ok(Strategy::Staged),
            other => Err(Problem::usage(format!("`reset.strategy` is `{other}`"))
                .code(Code::Config)
                .cure("use `in-place` or `staged`")
                .into()),
        }
    }
}
