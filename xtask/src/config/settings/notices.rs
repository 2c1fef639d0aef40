//! `[notices]`

use super::{Fallback, Kind, Setting, Table, Variables};

/// `[notices.NAME]`
pub static TABLE: Table = Table {
    path: "notices.NAME",
    name: "ops",
    text: "Who is told how a command ended: docs/notices.md. One that can't be sent is a warning, \
           and changes neither the outcome nor the exit code.",
    exactly_one: &["webhook", "ping", "to", "run"],
    settings: &[
        &ON,
        &COMMANDS,
        &ENVIRONMENTS,
        &WEBHOOK,
        &SHAPE,
        &PING,
        &TO,
        &FROM,
        &SMTP,
        &SMTP_USER,
        &SMTP_PASSWORD_ENV,
        &RUN,
    ],
};

/// What it is sent for.
pub static ON: Setting = Setting {
    key: "notices.NAME.on",
    kind: Kind::Texts,
    fallback: Fallback::Depends("`failure`, `shrunken` and `stale`"),
    variables: Variables::None,
    example: r#"["failure", "refusal", "wipe"]"#,
    text: "What it is sent for: `success`, `failure`, `refusal`, `wipe`, `reset`, `shrunken`, \
           `stale`.",
};

/// The commands.
pub static COMMANDS: Setting = Setting {
    key: "notices.NAME.commands",
    kind: Kind::Texts,
    fallback: Fallback::Depends("every command that may change something; `backup` for a ping"),
    variables: Variables::None,
    example: r#"["backup", "restore"]"#,
    text: "The commands that it is sent for, without `db-`.",
};

/// The environments.
pub static ENVIRONMENTS: Setting = Setting {
    key: "notices.NAME.environments",
    kind: Kind::Texts,
    fallback: Fallback::Depends("all"),
    variables: Variables::None,
    example: r#"["production", "staging"]"#,
    text: "The environments that it is sent from.",
};

/// An address to post to.
pub static WEBHOOK: Setting = Setting {
    key: "notices.NAME.webhook",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""${SLACK_WEBHOOK}""#,
    text: "The address to post to. Whoever knows it can write there, so it is never shown: keep it \
           in a variable.",
};

/// What is posted.
pub static SHAPE: Setting = Setting {
    key: "notices.NAME.shape",
    kind: Kind::OneOf(&["json", "slack", "discord", "ntfy"]),
    fallback: Fallback::Is("json"),
    variables: Variables::None,
    example: r#""slack""#,
    text: "What is posted to the webhook: our own document (`json`), or what `slack`, `discord` or \
           `ntfy` reads.",
};

/// A dead man's ping.
pub static PING: Setting = Setting {
    key: "notices.NAME.ping",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""${HEALTHCHECKS_URL}""#,
    text: "An address of healthchecks.io's kind that hears of every run: `/start` when it begins, \
           nothing more when it succeeds, `/fail` when it does not. It tells you when no backup \
           was even tried.",
};

/// Receivers of a mail.
pub static TO: Setting = Setting {
    key: "notices.NAME.to",
    kind: Kind::Texts,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["ops@shop.example"]"#,
    text: "The receivers of a mail.",
};

/// The sender of a mail.
pub static FROM: Setting = Setting {
    key: "notices.NAME.from",
    kind: Kind::Text,
    fallback: Fallback::Depends("the first receiver"),
    variables: Variables::None,
    example: r#""db-tasks@shop.example""#,
    text: "The sender of the mail.",
};

/// The mail server.
pub static SMTP: Setting = Setting {
    key: "notices.NAME.smtp",
    kind: Kind::Text,
    fallback: Fallback::Depends("the machine's own `sendmail`"),
    variables: Variables::None,
    example: r#""smtp://mail.shop.example:587""#,
    text: "The mail server. With a user, `smtp://` insists on STARTTLS; `smtps://` is encrypted \
           from the beginning.",
};

/// Who logs in there.
pub static SMTP_USER: Setting = Setting {
    key: "notices.NAME.smtp-user",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""db-tasks""#,
    text: "The user of the mail server.",
};

/// The password there.
pub static SMTP_PASSWORD_ENV: Setting = Setting {
    key: "notices.NAME.smtp-password-env",
    kind: Kind::Text,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#""SMTP_PASSWORD""#,
    text: "The name of the variable that holds that user's password.",
};

/// A program.
pub static RUN: Setting = Setting {
    key: "notices.NAME.run",
    kind: Kind::Command,
    fallback: Fallback::Nothing,
    variables: Variables::None,
    example: r#"["scripts/tell-ops"]"#,
    text: "A program of yours: an array of words, or a line for `sh -c`. It reads the JSON document \
           on its standard input, and has DBTASKS_TASK, DBTASKS_OUTCOME and DBTASKS_ENVIRONMENT.",
};
