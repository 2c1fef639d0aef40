//! Sends notices, by curl, sendmail or a program of the project's own. It is the last thing that a
//! command does: what can't be sent is told, and changes nothing.

use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::hook::lines;
use super::key::new_key;
use super::state;
use crate::cmd::Cmd;
use crate::config::notices::{MailServer, Way};
use crate::config::{Notice, SecretName, Secrets};
use crate::disk;
use crate::door::Interrupt;
use crate::door::children::{self, Input, Outlet};

/// How long a notice may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Seconds that curl has for a connection, and for all.
const LIMITS: [(&str, &str); 2] = [("connect-timeout", "5"), ("max-time", "15")];

/// What is sent, by the way it goes.
pub enum Parcel {
    /// To a web address: what is added to its path, the headers, the body.
    Post(&'static str, Vec<String>, String),
    /// A whole mail.
    Mail(String),
    /// For a program: variables, and what it reads.
    Text(Vec<(&'static str, String)>, String),
}

/// The project's folders.
pub struct Place<'a> {
    /// Where its programs run.
    pub root: &'a Path,
    /// Where a mail waits to be sent.
    pub state: &'a Path,
}

/// Sends all of them at the same time, and returns the names of those that were not sent, and why.
pub fn send(
    all: &[(Notice, Parcel)],
    place: &Place<'_>,
    secrets: &Secrets,
) -> Vec<(String, String)> {
    std::thread::scope(|scope| {
        let sent: Vec<_> = all
            .iter()
            .map(|(notice, parcel)| {
                (notice, scope.spawn(move || one(&notice.way, parcel, place, secrets)))
            })
            .collect();
        let failed = sent.into_iter().filter_map(|(notice, sent)| {
            let why = match sent.join() {
                Ok(sent) => sent.err()?,
                Err(_) => "it broke off".into(),
            };
            Some((notice.name.clone(), secrets.redact(&why)))
        });
        failed.collect()
    })
}

fn one(way: &Way, parcel: &Parcel, place: &Place<'_>, secrets: &Secrets) -> Result<(), String> {
    match (way, parcel) {
        (Way::Webhook { url, .. } | Way::Ping(url), Parcel::Post(end, headers, body)) => {
            let url = at(revealed(url, secrets)?, end);
            taken(&within(&curl(&post(&url, headers, body)), secrets)?)
        }
        (Way::Mail { to, from, server: Some(server) }, Parcel::Mail(mail)) => {
            let waiting = Waiting::of(mail, place.state)?;
            let config = letter(server, from, to, &waiting.0, secrets)?;
            within(&curl(&config), secrets).map(drop)
        }
        // -t: its receivers are in the mail; -i: a line of one dot does not end it
        (Way::Mail { server: None, .. }, Parcel::Mail(mail)) => {
            let mail = mail.replace("\r\n", "\n");
            within(&Cmd::new("sendmail").args(["-i", "-t"]).input(mail), secrets).map(drop)
        }
        (Way::Command(run), Parcel::Text(variables, text)) => {
            let cmd = Cmd::from(run).dir(place.root).input(text);
            let with = variables.iter().fold(cmd, |cmd, (name, value)| cmd.env(*name, value));
            within(&with, secrets).map(drop)
        }
        _ => Err("it was written for another way".into()),
    }
}

fn revealed<'a>(name: &SecretName, secrets: &'a Secrets) -> Result<&'a str, String> {
    secrets.reveal(name).ok_or_else(|| format!("{name} is not known"))
}

/// The address for an end of its path. A query stays behind it.
fn at(url: &str, end: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{}{end}?{query}", path.trim_end_matches('/')),
        None if end.is_empty() => url.to_owned(),
        None => format!("{}{end}", url.trim_end_matches('/')),
    }
}

/// curl, which reads its options from its input: an address and a password are in no list of
/// processes.
fn curl(config: &str) -> Cmd {
    let limits = LIMITS.map(|(name, value)| option(name, value)).concat();
    Cmd::new("curl")
        .args(["--silent", "--show-error", "--fail", "--config", "-"])
        .input(format!("{limits}{config}"))
}

/// A line of curl's options, <https://curl.se/docs/manpage.html#-K>.
fn option(name: &str, value: &str) -> String {
    let mut line = format!("{name} = \"");
    for c in value.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '"' => line.push_str("\\\""),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c => line.push(c),
        }
    }
    line.push_str("\"\n");
    line
}

fn post(url: &str, headers: &[String], body: &str) -> String {
    let headers: String = headers.iter().map(|header| option("header", header)).collect();
    // it may be tried twice: who waits for news would rather have it twice than not at all
    let again = [option("retry", "2"), option("retry-max-time", "12")].concat();
    let only = option("proto", "=http,https");
    // an address is no pattern
    let (url, body) = (option("url", url) + "globoff\n", option("data-raw", body));
    let answer = [option("output", NOWHERE), option("write-out", "%{http_code}")].concat();
    format!("{url}{only}{again}{headers}{body}{answer}")
}

#[cfg(windows)]
const NOWHERE: &str = "NUL";
#[cfg(not(windows))]
const NOWHERE: &str = "/dev/null";

/// Without a login, a relay on this machine may have no certificate; a password goes over none.
fn letter(
    server: &MailServer,
    from: &str,
    to: &[String],
    mail: &Path,
    secrets: &Secrets,
) -> Result<String, String> {
    let mut config = [
        option("url", &server.url),
        option("proto", "=smtp,smtps"),
        option("mail-from", from),
        option("upload-file", &mail.to_string_lossy()),
    ]
    .concat();
    config.extend(to.iter().map(|to| option("mail-rcpt", to)));

    match &server.login {
        Some((user, password)) => {
            let password = revealed(password, secrets)?;
            config.push_str(&option("user", &format!("{user}:{password}")));
            config.push_str("ssl-reqd\n");
        }
        None => config.push_str("ssl\n"),
    }

    Ok(config)
}

/// A mail in a file of its own, for as long as it is being sent.
struct Waiting(PathBuf);

impl Waiting {
    fn of(mail: &str, folder: &Path) -> Result<Self, String> {
        let path = folder.join(format!("notice-{}.eml", new_key()));
        state::prepare(folder).map_err(|e| format!("{e:#}"))?;
        disk::write_anew(&path, mail.as_bytes()).map_err(|e| e.to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // a leftover harms nobody
        drop(std::fs::remove_file(&self.0));
    }
}

/// curl takes another address for an answer, too, and goes to none.
fn taken(status: &str) -> Result<(), String> {
    if status.starts_with('2') {
        return Ok(());
    }
    Err(format!("the answer was {status}: name the address where a notice is taken at once"))
}

/// Runs it to its end, or ends it. Returns its last line. A signal for us is one more reason to tell, not to give up.
fn within(cmd: &Cmd, secrets: &Secrets) -> Result<String, String> {
    let begun = Instant::now();
    let (reader, writer) = std::io::pipe().map_err(|e| e.to_string())?;
    let outlet = Outlet::Both(writer);
    let child = children::start(cmd, Input::Text, outlet, secrets, &Interrupt::default())
        .map_err(|e| e.to_string())?;

    let (lines, mut said) = (lines(reader), Vec::new());
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => said.push(line.shown(secrets)),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if child.has_ended() => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if begun.elapsed() > PATIENCE {
            child.end_group(Duration::from_secs(1));
            return Err(format!("`{}` took longer than {} s", cmd.program, PATIENCE.as_secs()));
        }
    }

    let ended = child.wait().map_err(|e| e.to_string())?;
    let last = said.last().cloned().unwrap_or_default();
    ended.map(|_| last).map_err(|ended| match said.last() {
        Some(last) => format!("{}: {last}", cmd.program),
        None => format!("`{}` ended with {}", cmd.program, ended.status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_comes_before_the_query() {
        for (url, end, want) in [
            ("https://hc.example/1", "", "https://hc.example/1"),
            ("https://hc.example/1/", "/fail", "https://hc.example/1/fail"),
            ("https://hc.example/1?x=/y", "/start", "https://hc.example/1/start?x=/y"),
        ] {
            assert_eq!(at(url, end), want);
        }
    }

    #[test]
    fn an_option_is_one_line_whatever_it_holds() {
        let line = option("data-raw", "a\"b\\n\nurl = \"file:///etc/passwd\"\r\t");
        assert_eq!(line, "data-raw = \"a\\\"b\\\\n\\nurl = \\\"file:///etc/passwd\\\"\\r\\t\"\n");
    }

    #[test]
    fn no_secret_is_among_the_arguments() {
        let mut secrets = Secrets::default();
        let password = secrets.keep("$SMTP_PASSWORD", "hunter22".into());
        let server =
            MailServer { url: "smtp://mail:587".into(), login: Some(("u".into(), password)) };
        let config = letter(&server, "a@b", &["c@d".into()], Path::new("m"), &secrets).unwrap();
        let cmd = curl(&config);
        assert!(config.contains("hunter22") && config.contains("ssl-reqd"), "{config}");
        assert!(!cmd.args.iter().any(|arg| arg.contains("hunter22")));
    }
}
