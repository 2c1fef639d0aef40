//! What the project and its environment are called.

use anyhow::Result;

use super::Resolver;
use crate::config::environment::{self, Origin, Said};
use crate::config::file::{File, Text};
use crate::config::project::Guards;
use crate::config::settings::project;

impl Resolver<'_> {
    /// The project's name, and whether it is set; by default it is the folder's.
    pub(super) fn name(&mut self, file: &File) -> Result<(String, bool)> {
        let folder = self.root.file_name();
        let folder = folder.map_or("project".into(), |name| name.to_string_lossy().into_owned());

        let given = self.setting(&project::NAME.key(), file.project.name.as_ref())?;
        let named = given.is_some();
        let name = given.unwrap_or_else(|| self.by_default(&project::NAME.key(), &folder));

        Ok((name, named))
    }

    /// The environment's name, and who says it.
    pub(super) fn environment(
        &mut self,
        value: Option<&Text>,
        guards: &Guards,
    ) -> Result<(String, Origin)> {
        let key = project::ENVIRONMENT.key;
        let expanded = value
            .map(|v| self.expand(key, v.span().start, v.as_ref()))
            .transpose()?
            .filter(|(text, _)| !text.is_empty());
        let from_variable =
            value.is_some_and(|v| self.env.expand(v.as_ref()).is_ok_and(|e| !e.from.is_empty()));

        let said = match &expanded {
            None => Said::Nothing,
            Some((text, _)) if value.is_some_and(|v| !v.as_ref().contains("${")) => {
                Said::Literal(text.clone())
            }
            Some((text, _)) if from_variable => Said::Variable(text.clone()),
            Some((text, _)) => Said::Fallback(text.clone()),
        };

        let (word, origin) = environment::choose(&said, self.env, &|name| guards.protects(name))?;
        let shown = match (origin, expanded) {
            (Origin::Variable(name), _) => format!("${name}"),
            (Origin::File, Some((_, origin))) => origin,
            _ => "default".into(),
        };

        self.note(key, &word, shown);

        Ok((word, origin))
    }
}
