//! Who is told how a command ended.

use anyhow::Result;

use super::Resolver;
use crate::config::file::{NoticeTable, Text};
use crate::config::notices::{MailServer, Notice, On, Shape, Way};
use crate::config::secret::SecretName;
use crate::config::settings::notices as keys;
use crate::config::settings::{Key, Setting};
use crate::problem::Problem;
use crate::tasks;

/// What is sent if nothing is said of it.
const USUAL: [On; 3] = [On::Failure, On::Shrunken, On::Stale];

impl Resolver<'_> {
    pub(super) fn notice(&mut self, name: &Text, table: &NoticeTable) -> Result<Notice> {
        let (offset, name) = (name.span().start, name.as_ref().clone());
        let way = self.way(offset, &name, table)?;
        let on = self.known(&keys::ON, &name, &table.on, |word| {
            On::ALL.into_iter().find(|on| on.word() == word)
        })?;
        let commands = self.known(&keys::COMMANDS, &name, &table.commands, |word| {
            let word = tasks::word(word);
            tasks::ALL.iter().find(|task| task.word() == word).map(|task| task.word().to_owned())
        })?;
        let environments = self.list(&keys::ENVIRONMENTS.of(&name).text, &table.environments)?;

        let ping_alone = matches!(way, Way::Ping(_)) && commands.is_empty();
        Ok(Notice {
            name,
            on: if on.is_empty() { USUAL.into() } else { on },
            commands: if ping_alone { vec![tasks::BACKUP.word().into()] } else { commands },
            environments,
            way,
        })
    }

    /// A list of words, each of which must be known.
    fn known<T>(
        &mut self,
        setting: &'static Setting,
        name: &str,
        said: &[Text],
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>> {
        let key = setting.of(name).text;
        let words = self.list(&key, said)?;
        let at = said.first().map_or(0, |first| first.span().start);
        let found = words.iter().map(|word| {
            find(word).ok_or_else(|| {
                self.wrong(at, format!("`{key}` has `{word}`, which is none"))
                    .cure(setting.text.to_owned())
                    .into()
            })
        });
        found.collect()
    }

    fn way(&mut self, offset: usize, name: &str, table: &NoticeTable) -> Result<Way> {
        let mail_alone = [
            (&keys::FROM, table.from.is_some()),
            (&keys::SMTP, table.smtp.is_some()),
            (&keys::SMTP_USER, table.smtp_user.is_some()),
            (&keys::SMTP_PASSWORD_ENV, table.smtp_password_env.is_some()),
        ];
        let stray = mail_alone.iter().find(|(_, said)| *said && table.to.is_empty());
        let stray = stray.map(|(key, _)| key.word());
        let stray = stray.or_else(|| {
            (table.shape.is_some() && table.webhook.is_none()).then_some(keys::SHAPE.word())
        });
        if let Some(key) = stray {
            let what = format!("`{key}` has no use in `[notices.{name}]`");
            return Err(self
                .wrong(offset, what)
                .cure("`from` and `smtp` go with `to`, `shape` with `webhook`")
                .into());
        }

        match (&table.webhook, &table.ping, table.to.as_slice(), &table.run) {
            (Some(url), None, [], None) => Ok(Way::Webhook {
                url: self.address(&keys::WEBHOOK.of(name), url)?,
                shape: self.shape(name, table)?,
            }),
            (None, Some(url), [], None) => {
                Ok(Way::Ping(self.address(&keys::PING.of(name), url)?))
            }
            (None, None, [_, ..], None) => self.mail(offset, name, table),
            (None, None, [], Some(run)) => {
                self.program(&keys::RUN.of(name).text, offset, run).map(Way::Command)
            }
            _ => Err(self
                .wrong(offset, format!("`notices.{name}` must say one way"))
                .cure("write one of `webhook`, `ping`, `to` and `run`; a second way is a second table")
                .into()),
        }
    }

    fn shape(&mut self, name: &str, table: &NoticeTable) -> Result<Shape> {
        let key = keys::SHAPE.of(name);
        let said = self.needed(&key, table.shape.as_ref())?;
        match said.as_str() {
            "json" => Ok(Shape::Json),
            "slack" => Ok(Shape::Slack),
            "discord" => Ok(Shape::Discord),
            "ntfy" => Ok(Shape::Ntfy),
            _ => Err(Problem::usage(format!("`{}` is `{said}`", key.text))
                .cure("use `json`, `slack`, `discord` or `ntfy`")
                .into()),
        }
    }

    /// An address that must not be shown: it is all that one needs to write there.
    fn address(&mut self, key: &Key, said: &Text) -> Result<SecretName> {
        let offset = said.span().start;
        let (url, origin) = self.expand(&key.text, offset, said.as_ref())?;
        let url = url.trim().to_owned();
        self.note(&key.text, "(secret)", origin);

        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if !is_web || url.contains(|c: char| c.is_control() || c == ' ') {
            return Err(self
                .wrong(offset, format!("`{}` is no address of the web", key.text))
                .cure("write it like `https://hooks.example/…`; it is not shown here")
                .into());
        }
        Ok(self.secrets.keep(format!("the address of `{}`", key.text), url))
    }

    fn mail(&mut self, offset: usize, name: &str, table: &NoticeTable) -> Result<Way> {
        let to = self.list(&keys::TO.of(name).text, &table.to)?;
        let from = self.setting(&keys::FROM.of(name), table.from.as_ref())?;
        let from = from.or_else(|| to.first().cloned()).unwrap_or_default();
        if let Some(wrong) = to.iter().chain([&from]).find(|one| !is_mailbox(one)) {
            return Err(self
                .wrong(offset, format!("`{wrong}` in `[notices.{name}]` is no mail address"))
                .cure("write it like `ops@shop.example`")
                .into());
        }

        let url = self.setting(&keys::SMTP.of(name), table.smtp.as_ref())?;
        let user = self.setting(&keys::SMTP_USER.of(name), table.smtp_user.as_ref())?;
        let password =
            self.password(&keys::SMTP_PASSWORD_ENV.of(name), table.smtp_password_env.as_ref())?;
        let login = match (user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            _ => {
                return Err(self
                    .wrong(offset, format!("`[notices.{name}]` has half of a login"))
                    .cure("write both `smtp-user` and `smtp-password-env`")
                    .into());
            }
        };

        let server = match url {
            None if login.is_some() => {
                return Err(self
                    .wrong(offset, format!("`[notices.{name}]` has a login, and no server"))
                    .cure("name the server in `smtp`")
                    .into());
            }
            None => None,
            Some(url) => Some(MailServer { url: self.server(offset, name, url)?, login }),
        };
        Ok(Way::Mail { to, from, server })
    }

    fn server(&self, offset: usize, name: &str, url: String) -> Result<String> {
        let host = url.strip_prefix("smtp://").or_else(|| url.strip_prefix("smtps://"));
        match host {
            Some(host) if !host.is_empty() && !host.contains(['@', ' ', '"']) => Ok(url),
            _ => Err(self
                .wrong(offset, format!("`smtp` in `[notices.{name}]` is no mail server"))
                .cure("write it like `smtp://mail.shop.example:587`, and the login in `smtp-user` and `smtp-password-env`")
                .into()),
        }
    }
}

/// Enough for a header and a command line to be what they look like: the server judges the rest.
fn is_mailbox(text: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>,;:\"()[]\\".contains(c);
    let at = text.rsplit_once('@');
    at.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty())
        && text.chars().all(plain)
        && !text.starts_with('-')
}
