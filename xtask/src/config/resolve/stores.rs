//! Stores.

use anyhow::Result;

use super::Resolver;
use crate::config::file::{File, FilesTable, MilvusTable, StoreTable, Text};
use crate::config::project::{Rights, Store, StoreKind, Wiping};
use crate::config::settings::stores;
use crate::problem::{Code, Problem};

impl Resolver<'_> {
    pub(super) fn stores(&mut self, file: &File) -> Result<Vec<Store>> {
        file.stores.iter().map(|(key, table)| self.store(key, table, file)).collect()
    }

    fn store(&mut self, key: &Text, table: &StoreTable, file: &File) -> Result<Store> {
        let (offset, key) = (key.span().start, key.as_ref().clone());
        if file.databases.contains_key(&key) {
            return Err(self
                .wrong(offset, format!("`{key}` is already the name of a database"))
                .cure("give the store another name: `--only NAME` selects both")
                .into());
        }

        let container = self.setting(&stores::CONTAINER.of(&key), table.container.as_ref())?;
        if let (Some(name), Some(text)) = (
            container.as_ref().filter(|name| !file.containers.contains_key(name.as_str())),
            table.container.as_ref(),
        ) {
            return Err(self
                .wrong(text.span().start, format!("there is no `[containers.{name}]`"))
                .into());
        }

        let kind = match (&table.files, &table.milvus) {
            (Some(files), None) => self.files(&key, files, container)?,
            (None, Some(milvus)) if container.is_none() => self.milvus(&key, milvus)?,
            (None, Some(_)) => {
                return Err(self
                    .wrong(
                        offset,
                        format!("`stores.{key}` is reached by its address, not in a container"),
                    )
                    .cure(
                        "remove `container`, and give the address at which the container's port is \
                         published",
                    )
                    .into());
            }
            _ => {
                return Err(self
                    .wrong(offset, format!("`stores.{key}` must say one of `files` and `milvus`"))
                    .cure("write `files = { path = \"uploads\" }` or `milvus = { url = \"http://localhost:19530\" }`")
                    .into());
            }
        };

        let optional = self.switch(&stores::OPTIONAL.of(&key), table.optional.as_ref())?;

        Ok(Store { key, kind, optional })
    }

    fn files(
        &mut self,
        name: &str,
        table: &FilesTable,
        container: Option<String>,
    ) -> Result<StoreKind> {
        let key = stores::PATH.of(name);
        let path = self.setting(&key, Some(&table.path))?.ok_or_else(|| {
            self.wrong(table.path.span().start, format!("`{}` is empty", key.text))
                .cure("name the folder that holds the files")
        })?;
        let exclude = self.list(&stores::EXCLUDE.of(name).text, &table.exclude)?;

        let key = stores::KEEP_RIGHTS.of(name);
        let Some(container) = container else {
            let rights = match self.switch(&key, table.keep_rights.as_ref())? {
                true => Rights::AsTheyWere,
                false => Rights::Plain,
            };
            return Ok(StoreKind::Files { path: self.path(&path), exclude, rights });
        };

        if table.keep_rights.is_some() {
            return Err(Problem::usage(format!("`{}` can't be used in a container", key.text))
                .code(Code::Config)
                .because(
                    "owners there belong to the container and are always restored; set-id bits \
                     only with `--trust`",
                )
                .cure("remove it")
                .into());
        }
        Ok(StoreKind::FilesInContainer { container, path, exclude })
    }

    fn milvus(&mut self, name: &str, table: &MilvusTable) -> Result<StoreKind> {
        let key = stores::URL.of(name);
        let url = self.needed(&key, table.url.as_ref())?;
        let database = self.needed(&stores::DATABASE.of(name), table.database.as_ref())?;
        let token = self.password(&stores::TOKEN_ENV.of(name), table.token_env.as_ref())?;
        let (url, who) = without_user(&url);

        if let Some(who) = &who {
            self.secrets.also_hide(who.clone());
        }
        let token = token
            .or_else(|| who.map(|who| self.secrets.keep(format!("who `{}` says", key.text), who)));

        let key = stores::WIPE.of(name);
        let wipe = match self.needed(&key, table.wipe.as_ref())?.as_str() {
            "drop" => Wiping::Drop,
            "empty" => Wiping::Empty,
            other => {
                let cure = "use `drop` (removes the collections) or `empty` (keeps them, without \
                     entities)";
                return Err(Problem::usage(format!("`{}` is `{other}`", key.text))
                    .code(Code::Config)
                    .cure(cure)
                    .into());
            }
        };

        Ok(StoreKind::Milvus { url, database, token, wipe })
    }
}

/// An address without its `user:password`, and that part: the address is shown, the rest is a
/// token.
fn without_user(url: &str) -> (String, Option<String>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find('/').unwrap_or(rest.len());
        let (who, host) = rest[..end].rsplit_once('@')?;
        Some((format!("{scheme}://{host}{}", &rest[end..]), who.to_owned()))
    });
    parts.map_or_else(|| (url.to_owned(), None), |(url, who)| (url, Some(who)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_an_address_names_is_no_part_of_it() {
        for (url, address, who) in [
            ("http://u:tok@h:1/x", "http://h:1/x", Some("u:tok")),
            ("http://h:1", "http://h:1", None),
            ("http://h/a@b", "http://h/a@b", None),
        ] {
            assert_eq!(without_user(url), (address.to_owned(), who.map(String::from)), "{url}");
        }
    }
}
