//! Hooks: which programs they are, and what of their command lines is shown.

use anyhow::Result;

use super::Resolver;
use crate::config::file::{File, HookTable, HooksTable, Text, Words};
use crate::config::hooks::{self, Hook, Run};
use crate::problem::Problem;

impl Resolver<'_> {
    pub(super) fn hooks(&mut self, at: &str, table: &HooksTable, file: &File) -> Result<Vec<Hook>> {
        table.iter().map(|(moment, hook)| self.hook(at, moment, hook, file)).collect()
    }

    fn hook(&mut self, at: &str, moment: &Text, table: &HookTable, file: &File) -> Result<Hook> {
        let (offset, moment) = (moment.span().start, moment.as_ref().clone());
        let key = format!("{at}.{moment}");

        if !hooks::moments().contains(&moment) {
            return Err(self.no_moment(offset, &moment).into());
        }

        if let Some(container) =
            table.container.as_ref().filter(|key| !file.containers.contains_key(key.as_str()))
        {
            return Err(self
                .wrong(
                    offset,
                    format!(
                        "`{key}` names the container `{container}`, which is not in `[containers]`"
                    ),
                )
                .into());
        }

        let timeout =
            table.timeout.as_ref().map_or(Ok(hooks::TIMEOUT), |t| t.0.parse()).map_err(|_| {
                self.wrong(offset, format!("the timeout of `{key}` is not a number of seconds"))
            })?;
        let run = self.program(&key, offset, &table.run)?;

        let of_url = format!("{key}.url");
        let url = table
            .url
            .as_ref()
            .map(|url| Ok::<_, anyhow::Error>(self.expand(&of_url, offset, url)?.0))
            .transpose()?;

        Ok(Hook { moment, run, container: table.container.clone(), timeout, url })
    }

    /// A program of the project's own.
    pub(super) fn program(&mut self, key: &str, offset: usize, words: &Words) -> Result<Run> {
        let run = match words {
            // `sh` expands `${…}` itself, so its values are in no plan
            Words::Shell(line) if !line.trim().is_empty() => Run::Shell(line.clone()),
            Words::Argv(words) if !words.is_empty() => {
                let shown = words.iter().map(|word| self.hook_word(key, offset, word));
                Run::Argv(shown.collect::<Result<_>>()?)
            }
            _ => return Err(self.wrong(offset, format!("`{key}` has nothing to run")).into()),
        };

        let origin = self.expand(key, offset, "")?.1;
        self.note(key, &run.to_string(), origin);

        Ok(run)
    }

    fn no_moment(&self, offset: usize, moment: &str) -> Problem {
        let cure = hooks::nearest(moment).map_or_else(
            || {
                "use `migrate`, `seed`, or `before-`, `after-`, `failed-`, `finally-` with a task: \
                 `before-reset`"
                    .into()
            },
            |word| format!("did you mean `{word}`?"),
        );
        self.wrong(offset, format!("`{moment}` is not a hook name")).cure(cure)
    }

    /// A word of a hook as it is shown, with the names of variables in it; the door to processes
    /// gets the values. Only the project knows which of them are secret.
    fn hook_word(&mut self, key: &str, offset: usize, raw: &str) -> Result<String> {
        let word = self.expand(key, offset, raw)?.0;
        let shown = self
            .env
            .by_name()
            .expand(raw)
            .map_or_else(|_| raw.to_owned(), |expanded| expanded.text);

        if shown != word {
            self.secrets.stand_in(shown.clone(), word);
        }

        Ok(shown)
    }
}
