//! Who runs us: by number, by name, and from which CI job.

use serde_json::{Value, json};

use super::super::state;
use crate::config::{Env, Secrets};

/// Variables that say a user's name; anybody may set them.
const NAMES: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// The CI systems that name the page of a job, each with its variable.
const JOBS: [(&str, &str); 5] = [
    ("gitlab", "CI_JOB_URL"),
    ("jenkins", "BUILD_URL"),
    ("buildkite", "BUILDKITE_BUILD_URL"),
    ("circleci", "CIRCLE_BUILD_URL"),
    ("woodpecker", "CI_PIPELINE_URL"),
];

/// Who runs us, and on which machine: for those on others.
pub fn who_and_where() -> String {
    let said = NAMES.iter().find_map(|v| std::env::var(v).ok().filter(|name| !name.is_empty()));
    let who = said.or_else(|| account_of(state::user()));
    format!("{}@{}", who.as_deref().unwrap_or("?"), state::machine().as_deref().unwrap_or("?"))
}

/// The user's name: by its number if that is known, because a variable may say anything.
pub(super) fn name(env: &Env) -> Option<String> {
    named(account_of(state::user()), said(env))
}

fn named(account: Option<String>, said: Option<&str>) -> Option<String> {
    let known = account.clone().filter(|name| !name.starts_with("user "));
    known.or_else(|| said.map(String::from)).or(account)
}

/// What else is known of the user.
pub(super) fn user(env: &Env) -> Value {
    let account = account_of(state::user());
    let said = said(env).filter(|said| account.as_deref() != Some(*said));
    let sudo = env.given("SUDO_USER").or_else(|| env.given("SUDO_UID"));
    let uid = cfg!(unix).then(state::user);

    json!({
        "uid": uid, "said": said,
        "sudo": sudo.map(|_| json!({ "user": env.given("SUDO_USER"), "uid": env.given("SUDO_UID") })),
    })
}

fn said(env: &Env) -> Option<&str> {
    NAMES.iter().find_map(|name| env.given(name))
}

/// The CI job, if this runs in one.
pub(super) fn ci(env: &Env, secrets: &Secrets) -> Value {
    let shown = |url: String| secrets.cover(&Secrets::without_passwords(&url));
    let github = || {
        let (run, repository) = (env.given("GITHUB_RUN_ID")?, env.given("GITHUB_REPOSITORY")?);
        let server = env.given("GITHUB_SERVER_URL").unwrap_or("https://github.com");
        Some(("github", format!("{server}/{repository}/actions/runs/{run}")))
    };
    let by_url =
        || JOBS.iter().find_map(|(system, name)| Some((*system, env.given(name)?.to_owned())));

    match github().or_else(by_url) {
        Some((system, job)) => json!({ "system": system, "job": shown(job) }),
        None if env.says_yes("CI") => json!({ "system": "ci", "job": null }),
        None => Value::Null,
    }
}

fn account_of(user: u32) -> Option<String> {
    account(user, &std::fs::read_to_string("/etc/passwd").unwrap_or_default())
}

/// A user's name by its number, or the number: cron and containers set no variable for it.
fn account(user: u32, accounts: &str) -> Option<String> {
    let is_user = |line: &&str| line.split(':').nth(2) == Some(&user.to_string());
    let name = accounts.lines().find(is_user).and_then(|line| line.split(':').next());
    cfg!(unix).then(|| name.map_or_else(|| format!("user {user}"), String::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn who_it_was_where_no_variable_says_it() {
        let accounts = "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        for (user, who) in [(0, "root"), (1000, "anna"), (100, "user 100")] {
            assert_eq!(account(user, accounts).as_deref(), Some(who));
        }
    }

    #[test]
    fn a_variable_names_only_who_has_no_account() {
        let account = |name: &str| Some(name.to_owned());
        assert_eq!(named(account("anna"), Some("root")).as_deref(), Some("anna"));
        assert_eq!(named(account("user 100"), Some("ldap")).as_deref(), Some("ldap"));
        assert_eq!(named(account("user 100"), None).as_deref(), Some("user 100"));
        assert_eq!(named(None, Some("ann")).as_deref(), Some("ann"));
    }

    #[test]
    fn jobs_of_ci_systems() {
        let job = |env: Env| ci(&env, &Secrets::default());
        let github = [("CI", "true"), ("GITHUB_RUN_ID", "7"), ("GITHUB_REPOSITORY", "our/shop")];
        let url = "https://github.com/our/shop/actions/runs/7";
        assert_eq!(job(Env::of(github)), json!({ "system": "github", "job": url }));

        for (system, variable) in JOBS {
            let env = Env::of([("CI", "true"), (variable, "https://me:s3cret@ci/job/9")]);
            let job_of = json!({ "system": system, "job": "https://me:***@ci/job/9" });
            assert_eq!(job(env), job_of);
        }
        assert_eq!(job(Env::of([("CI", "1")])), json!({ "system": "ci", "job": null }));
        assert_eq!(job(Env::of([("CI", "false")])), Value::Null);
    }

    #[test]
    fn who_called_sudo() {
        let env = Env::of([("SUDO_USER", "ann"), ("SUDO_UID", "1000"), ("USER", "nobody-knows")]);
        let user = user(&env);
        assert_eq!(user["sudo"], json!({ "user": "ann", "uid": "1000" }));
        assert_eq!(user["said"], "nobody-knows");
    }
}
