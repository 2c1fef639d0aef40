//! How backups are written for people and git.

use anyhow::Result;
use toml::Spanned;

use super::super::dump_arg::DumpArg;
use super::super::file::{File, Text};
use super::super::plain::{Form, KeyOrder, Latest, Mode, Plain};
use super::super::settings::plain;
use super::Resolver;
use crate::problem::{Code, Problem};

impl Resolver<'_> {
    /// `name` is the template of the backups' names.
    pub(super) fn plain_dumps(&mut self, file: &File, name: &str) -> Result<Plain> {
        let b = &file.backup;
        let args = self.dump_args(&b.pg_dump_args)?;
        let form = self.needed(&plain::FORM.key(), b.form.as_ref())?;
        let form = match form.as_str() {
            "as-dumped" => Form::AsDumped,
            "stable" => Form::Stable,
            other => return Err(unknown("backup.form", other, "`as-dumped` or `stable`").into()),
        };

        let key_order = KeyOrder::of(self.table_names(plain::KEY_ORDER.key, &b.key_order)?);
        if let Some(arg) = args.iter().find(|arg| arg.makes_inserts() && !key_order.is_none()) {
            return Err(Problem::usage(format!(
                "`backup.key-order` and `{arg}` exclude each other"
            ))
            .code(Code::Config)
            .because("the rows of COPY are sorted, and this option makes statements of them")
            .cure(format!("remove `key-order`, or `{arg}` from `pg-dump-args`"))
            .into());
        }

        let mode = b.mode.as_ref().map(|mode| Spanned::new(mode.span(), mode.as_ref().0.clone()));
        let mode = self.parsed(&plain::MODE.key(), mode.as_ref(), Mode::parse)?;
        let mode = mode.unwrap_or_default();
        let latest = self.latest(b.latest.as_ref(), name)?;

        Ok(Plain { args, form, key_order, mode, latest })
    }

    fn dump_args(&mut self, said: &[Text]) -> Result<Vec<DumpArg>> {
        let words = self.list(plain::DUMP_ARGS.key, said)?;
        DumpArg::parse(&words).map_err(|(why, cure)| {
            let at = said.first().map_or(0, |first| first.span().start);
            self.wrong(at, format!("`{}`: {why}", plain::DUMP_ARGS.key)).cure(cure).into()
        })
    }

    fn latest(&mut self, said: Option<&Text>, name: &str) -> Result<Option<Latest>> {
        let key = plain::LATEST.key();
        let Some(word) = self.setting(&key, said)? else { return Ok(None) };
        let latest = match word.as_str() {
            "symlink" => Latest::Symlink,
            "hard-link" => Latest::HardLink,
            "pointer" => Latest::Pointer,
            other => {
                return Err(unknown(&key.text, other, "`symlink`, `hard-link` or `pointer`").into());
            }
        };

        if latest == Latest::HardLink && name.contains('/') {
            return Err(Problem::usage("`backup.latest` is `hard-link`, and a backup is a folder")
                .code(Code::Config)
                .because(format!("`backup.name` is `{name}`, and a folder has no second name"))
                .cure("use `symlink` or `pointer`")
                .into());
        }
        Ok(Some(latest))
    }
}

fn unknown(key: &str, said: &str, known: &str) -> Problem {
    Problem::usage(format!("`{key}` is `{said}`")).code(Code::Config).cure(format!("use {known}"))
}
