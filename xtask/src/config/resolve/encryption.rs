//! To whom backups are encrypted, and where the keys are.

use anyhow::Result;

use super::super::encryption::{Encryption, Keys, Lock, recipient};
use super::super::file::EncryptionTable;
use super::super::settings::encryption;
use super::Resolver;
use crate::problem::{Code, Problem};

impl Resolver<'_> {
    pub(super) fn encryption(&mut self, table: &EncryptionTable) -> Result<Encryption> {
        let key = encryption::RECIPIENTS.key;
        let written = table.recipients.as_deref().unwrap_or_default();
        if table.recipients.is_some() && written.is_empty() {
            return Err(nobody().into());
        }

        let said = self.list(key, written)?;
        let recipients = said
            .iter()
            .zip(written)
            .map(|(text, written)| {
                let wrong =
                    |why| self.wrong(written.span().start, format!("`{key}`: {why}")).into();
                recipient(text).map_err(wrong)
            })
            .collect::<Result<Vec<String>>>()?;

        let passphrase = table.passphrase_file.as_ref();
        let passphrase = self.path_of(&encryption::PASSPHRASE.key(), passphrase)?;
        let identity = self.path_of(&encryption::IDENTITY.key(), table.identity_file.as_ref())?;

        if !recipients.is_empty() && table.passphrase_file.is_some() {
            return Err(both().into());
        }
        // a variable says where a passphrase is, and a file that names recipients says how
        let to = match (recipients.is_empty(), &passphrase) {
            (false, _) => Some(Lock::Recipients(recipients)),
            (true, Some(file)) => Some(Lock::Passphrase(file.clone())),
            (true, None) => None,
        };

        Ok(Encryption { to, keys: Keys { identity, passphrase } })
    }
}

fn nobody() -> Problem {
    Problem::usage("`encryption.recipients` is empty")
        .code(Code::Config)
        .because("nobody could read the backups")
        .cure("name a public key of age, or remove the line: then they are not encrypted")
}

fn both() -> Problem {
    Problem::usage("`encryption.recipients` and `encryption.passphrase-file` exclude each other")
        .code(Code::Config)
        .because("age encrypts a file either to recipients or with a passphrase")
        .cure(
            "remove one of them; to read older backups that have a passphrase, name its file in \
             the variable DB_TASKS_AGE_PASSPHRASE_FILE",
        )
}
