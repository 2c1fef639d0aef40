//! What a notice says, for people and for the programs that show it to them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::bytes::base64;
use crate::config::notices::{On, Shape};
use crate::human::duration;
use crate::planning::notices::Happened;
use crate::problem::Exit;

/// Lines of an error that are told.
const MOST: usize = 30;

/// What Discord takes
/// (<https://discord.com/developers/docs/resources/webhook#execute-webhook>), in characters.
const DISCORD: usize = 2000;

/// A notice, written.
#[derive(Debug, Clone)]
pub struct Message {
    /// One line.
    pub title: String,
    /// All of it, with the title.
    pub text: String,
    /// The same as a document.
    pub document: Value,
    /// Whether all is well.
    pub good: bool,
}

/// What is said of an end.
pub fn message(happened: &Happened) -> Message {
    let title = format!(
        "{} ({}): {} {}",
        one_line(&happened.project),
        one_line(&happened.environment),
        happened.task,
        end(happened)
    );
    let text = text(happened, &title);
    let good = matches!(happened.exit, Exit::Done);
    Message { text, document: document(happened, &title), good, title }
}

fn end(happened: &Happened) -> &'static str {
    if happened.on.contains(&On::Stale) {
        return "has found what needs a look";
    }
    match happened.exit {
        Exit::Done => "is done",
        Exit::FinishedBut => "is done, but what follows it failed",
        Exit::Refused => "was refused",
        Exit::Shrunken => "has made a backup that holds too little",
        Exit::Locked => "was not done: another run was active",
        Exit::Interrupted => "was interrupted",
        Exit::Declined => "was declined",
        Exit::Failed | Exit::Usage => "failed",
    }
}

fn text(happened: &Happened, title: &str) -> String {
    let mut lines = vec![title.to_owned()];
    if !happened.databases.is_empty() {
        lines.push(format!("databases: {}", happened.databases.join(", ")));
    }
    lines.extend(happened.problem.iter().take(MOST).cloned());
    lines.extend(happened.result.iter().take(MOST).cloned());
    lines.push(format!(
        "by {} at {}, in {}",
        happened.who,
        happened.when.format("%Y-%m-%d %H:%M:%S UTC"),
        duration(happened.took)
    ));
    lines.join("\n")
}

fn document(happened: &Happened, title: &str) -> Value {
    json!({
        "schema": crate::ui::json::SCHEMA,
        "events": happened.on.iter().map(|on| on.word()).collect::<Vec<_>>(),
        "title": title,
        "command": happened.task,
        "project": happened.project,
        "environment": happened.environment,
        "who": happened.who,
        "when": happened.when,
        "seconds": happened.took.as_secs_f64(),
        "outcome": happened.exit.word(),
        "exit": happened.exit as u8,
        "databases": happened.databases,
        "problem": happened.problem,
        "result": happened.result,
        "audit": happened.audit,
    })
}

/// What is posted to a webhook: its headers and its body.
pub fn post(message: &Message, shape: Shape) -> (Vec<String>, String) {
    let as_json = || vec!["Content-Type: application/json".to_owned()];
    match shape {
        Shape::Json => (as_json(), message.document.to_string()),
        // <https://docs.slack.dev/messaging/formatting-message-text>: these three begin a mention
        Shape::Slack => {
            let escaped =
                message.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            (as_json(), json!({ "text": escaped }).to_string())
        }
        Shape::Discord => {
            let content: String = message.text.chars().take(DISCORD).collect();
            let nobody = json!({ "parse": [] });
            (as_json(), json!({ "content": content, "allowed_mentions": nobody }).to_string())
        }
        // <https://docs.ntfy.sh/publish/>: headers may be encoded as those of a mail
        Shape::Ntfy => {
            let (priority, tag) =
                if message.good { ("3", "white_check_mark") } else { ("4", "warning") };
            let headers = vec![
                format!("Title: {}", encoded(&message.title).join(" ")),
                format!("Priority: {priority}"),
                format!("Tags: {tag}"),
            ];
            (headers, without_title(message))
        }
    }
}

fn without_title(message: &Message) -> String {
    message.text.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned())
}

/// A mail (RFC 5322), its text in base64 so that any line may be in it.
pub fn mail(message: &Message, from: &str, to: &[String], now: DateTime<Utc>, id: &str) -> String {
    let body = base64(without_title(message).as_bytes());
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap_or_default())
        .collect();
    let host = from.rsplit_once('@').map_or("localhost", |(_, host)| host);

    format!(
        "From: {from}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{id}@{host}>\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        to.join(", "),
        encoded(&message.title).join("\r\n "),
        now.to_rfc2822(),
        lines.join("\r\n")
    )
}

/// A header's value, in parts that may stand on lines of their own: what is not short plain ASCII
/// becomes encoded words (RFC 2047).
fn encoded(text: &str) -> Vec<String> {
    if text.chars().all(|c| c.is_ascii() && !c.is_ascii_control()) && text.len() < 900 {
        return vec![text.to_owned()];
    }

    let mut words = vec![String::new()];
    for c in text.chars().filter(|c| !c.is_control()) {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > 36) {
            words.push(String::new());
        }
        words.iter_mut().last().into_iter().for_each(|word| word.push(c));
    }
    words.iter().map(|word| format!("=?UTF-8?B?{}?=", base64(word.as_bytes()))).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failed() -> Happened {
        Happened {
            on: vec![On::Failure],
            task: "db-backup",
            exit: Exit::Failed,
            project: "shöp\n<!here>".into(),
            environment: "production".into(),
            who: "ann@db1".into(),
            when: "2026-01-16T22:45:00Z".parse().unwrap(),
            took: Duration::from_millis(1500),
            databases: vec!["app".into()],
            problem: vec!["the server does not answer".into()],
            result: Vec::new(),
            audit: None,
        }
    }

    #[test]
    fn it_says_what_happened_and_who_saw_it() {
        assert_eq!(
            message(&failed()).text,
            "shöp <!here> (production): db-backup failed\ndatabases: app\nthe server does not \
             answer\nby ann@db1 at 2026-01-16 22:45:00 UTC, in 1.50 s"
        );
    }

    #[test]
    fn no_text_can_call_people_or_add_a_header() {
        let message = message(&failed());
        let (_, slack) = post(&message, Shape::Slack);
        assert!(slack.contains("&lt;!here&gt;") && !slack.contains("<!here>"), "{slack}");

        let (_, discord) = post(&message, Shape::Discord);
        let discord: Value = serde_json::from_str(&discord).unwrap();
        assert_eq!(discord["allowed_mentions"]["parse"], json!([]));

        let (headers, body) = post(&message, Shape::Ntfy);
        assert!(headers.iter().all(|header| header.is_ascii() && !header.contains('\n')));
        assert!(body.starts_with("databases: app\n"), "{body}");
    }

    #[test]
    fn a_mail_is_ascii_in_short_lines() {
        let to = ["ops@shop.example".to_owned()];
        let now = failed().when;
        let mail = mail(&message(&failed()), "db@shop.example", &to, now, "1");
        assert!(mail.is_ascii() && mail.lines().all(|line| line.len() <= 78), "{mail}");
        assert!(mail.contains("Subject: =?UTF-8?B?"), "{mail}");
        assert!(mail.contains("\r\nMessage-ID: <1@shop.example>\r\n"), "{mail}");
        assert_eq!(mail.matches("\r\n\r\n").count(), 1);
    }
}
