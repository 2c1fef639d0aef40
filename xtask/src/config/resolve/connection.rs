//! How a database is reached: from its table, its URL, and the variables that scripts set.

use anyhow::Result;

use super::{Resolver, WHERE, text_of};
use crate::config::file::{PostgresTable, Text};
use crate::config::project::{Connection, Share};
use crate::config::settings::{Key, Setting, databases};
use crate::config::{SecretName, url};
use crate::problem::{Code, Problem};

impl Resolver<'_> {
    pub(super) fn connection(
        &mut self,
        key: &str,
        table: &PostgresTable,
        from_env: bool,
    ) -> Result<Connection> {
        let url = databases::URL.of(key).text;
        let said_apart = table.host.is_some() || table.database.is_some() || table.user.is_some();

        let mut base = match &table.url {
            Some(text) => {
                let (uri, origin) = self.expand(&url, text.span().start, text.as_ref())?;
                self.url(&url, &uri, origin)?
            }
            None if from_env && !said_apart => {
                match self.env.first(databases::URL.variables.names())? {
                    Some((name, uri)) => {
                        let (origin, uri) = (format!("${name}"), uri.to_owned());
                        self.url(&url, &uri, origin)?
                    }
                    None => Connection::default(),
                }
            }
            None => Connection::default(),
        };

        let has_url = base.database.is_some() || base.host.is_some();
        let at = |setting: &Setting| {
            let key = setting.of(key);
            if from_env && !has_url { key } else { key.by_file_alone() }
        };

        let port = table.port.as_ref();
        base.host = self.setting(&at(&databases::HOST), table.host.as_ref())?.or(base.host);
        base.port_inside = port.map(|p| p.as_ref().0.clone()).filter(|p| p.parse::<u16>().is_ok());
        base.port = self.setting(&at(&databases::PORT), port.map(text_of).as_ref())?.or(base.port);

        base.database =
            self.setting(&at(&databases::DATABASE), table.database.as_ref())?.or(base.database);
        base.user = self.setting(&at(&databases::USER), table.user.as_ref())?.or(base.user);
        base.password = self
            .password(&at(&databases::PASSWORD_ENV), table.password_env.as_ref())?
            .or(base.password);

        base.maintenance =
            self.needed(&at(&databases::MAINTENANCE), table.maintenance_database.as_ref())?;
        Ok(base)
    }

    /// What the variable holds that the key `…-env` names; it is shown without the `-env`.
    pub(super) fn password(
        &mut self,
        key: &Key,
        named: Option<&Text>,
    ) -> Result<Option<SecretName>> {
        let names = key.variables.names();
        let key = key.text.trim_end_matches("-env");

        let found = match named {
            Some(text) => {
                let (var, _) = self.expand(key, text.span().start, text.as_ref())?;
                let value = self.env.needed(&var)?.ok_or_else(|| {
                    self.wrong(
                        text.span().start,
                        format!("`{key}-env` names the variable `{var}`, which is not set"),
                    )
                    .cure(format!("set `{var}` in the environment or in `.env`"))
                })?;

                let value = value.to_owned();
                self.lend(key, &var, Share::Part);

                Some((var, value))
            }
            None => self.env.first(names)?.map(|(var, value)| (var.to_owned(), value.to_owned())),
        };

        Ok(found.map(|(var, value)| {
            self.note(key, "(secret)", format!("${var}"));
            self.secrets.keep(format!("${var}"), value)
        }))
    }

    fn url(&mut self, key: &str, uri: &str, origin: String) -> Result<Connection> {
        let url = url::parse(uri).map_err(|why| {
            Problem::usage(format!("`{key}` ({origin}) is not a PostgreSQL connection URI"))
                .code(Code::Config)
                .because(why)
                .cure("write it as `postgresql://user:password@host:5432/database`")
        })?;

        self.note(key, &shown(&url), origin.clone());

        if !url.ignored.is_empty() {
            self.note(
                &format!("{key} (ignored)"),
                &url.ignored.join(", "),
                "for other programs, not for libpq",
            );
        }

        if let Some(spelling) = url.spelled_password {
            self.secrets.also_hide(spelling);
        }

        let password =
            url.password.map(|value| self.secrets.keep(format!("the password in {origin}"), value));
        let whole = self.secrets.keep(format!("{origin}, as it is"), uri.to_owned());

        Ok(Connection {
            host: url.host,
            port: url.port,
            user: url.user,
            database: url.database,
            password,
            options: url.options,
            uri: Some(whole),
            ..Connection::default()
        })
    }
}

/// An URL without its password, and what else says where its server is.
fn shown(url: &url::Url) -> String {
    let text = |o: &Option<String>| o.clone().unwrap_or_default();
    let password = if url.password.is_some() { ":***" } else { "" };
    let port = url.port.as_ref().map_or(String::new(), |p| format!(":{p}"));
    let who = if url.user.is_some() || url.password.is_some() { "@" } else { "" };

    let shown = format!(
        "postgresql://{}{password}{who}{}{port}/{}",
        text(&url.user),
        text(&url.host),
        text(&url.database)
    );

    let led = url.options.iter().filter(|(name, _)| WHERE.contains(&name.as_str()));
    led.fold(shown, |shown, (name, value)| format!("{shown} {name}={value}"))
}
