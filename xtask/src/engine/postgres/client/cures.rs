//! What to do about the errors of psql and pg_dump.

use crate::place;

/// The cure for the first message that is known: the client's, or that of the engine of its
/// container.
pub fn for_text(text: &str) -> Option<String> {
    let known = KNOWN.iter().find(|(pattern, _)| text.contains(pattern));
    known.map(|(_, cure)| (*cure).to_owned()).or_else(|| place::cure(text))
}

/// The way past a pooler: PgBouncer and RDS Proxy take no options of a session, or drop them
/// (<https://www.pgbouncer.org/config.html#ignore_startup_parameters>).
pub const POOLED: &str = "a pooler is in between: use the server's own address, in a separate \
                          variable if the application's leads to the pooler (`postgres = { url = \
                          \"${DIRECT_URL}\" }`)";

const KNOWN: [(&str, &str); 32] = [
    (
        super::name::LOADER,
        "the server does not let a loader role log in, or that role may not do this: if you trust \
         the file's author, `--trust=role` loads it as the project's own role",
    ),
    (
        "server version mismatch",
        "install a pg_dump of the server's version or newer and name its folder in `programs`, or \
         run it in the server's container (`container = …`)",
    ),
    (
        "SET TRANSACTION SNAPSHOT",
        "pg_dump reached another server or database than the one that was looked at (a proxy, a \
         host name with several addresses), or the session with its snapshot was terminated: run \
         the command again, and if that does not help, use the server's own address",
    ),
    ("unsupported startup parameter", POOLED),
    ("support command-line options", POOLED),
    (
        "password authentication failed",
        "check the user and the password (`db-config` shows where each comes from)",
    ),
    (
        "no password supplied",
        "set the password: in DATABASE_URL, PGPASSWORD, ~/.pgpass, or the variable that \
         `password-env` names",
    ),
    (
        "FATAL:  role ",
        "check the user (`db-config` shows where it comes from); a container's POSTGRES_USER \
         counts only at its first start: if its volume is older, set `postgres = { user = \"…\", \
         database = \"…\" }`",
    ),
    (
        "Connection refused",
        "start the server, or check host and port (`db-config` shows where each comes from)",
    ),
    (
        "No such file or directory\n\tIs the server running locally",
        "start the server, or check host and port (`db-config` shows where each comes from)",
    ),
    (
        "could not translate host name",
        "check the host name (`db-config` shows where it comes from)",
    ),
    ("timeout expired", "the server does not answer: check host, port and firewall"),
    (
        "executable file not found",
        "the container has no PostgreSQL client: use the server's own container",
    ),
    (
        "ERROR:  role ",
        "objects in the dump belong to a role that this server does not have: create it there \
         first (`CREATE ROLE …`, without LOGIN if nobody should use it)",
    ),
    (
        "permission denied to create extension",
        "let a superuser create the extension in `template1`, or restore as a superuser",
    ),
    (
        "there is something in it already",
        "fill it without an undo: `db-migrate`, then `db-seed`; or let the role create databases",
    ),
    (
        "can only create extension in database",
        "a server can have this extension in only one database: restore into that one, with \
         `--in-place`",
    ),
    ("extension control file", "install the extension on the server first"),
    (
        "must be able to SET ROLE",
        "make the role a member of the one that is named (`GRANT … TO …`), or restore as a \
         superuser",
    ),
    (
        "permission denied for",
        "the role may not read everything: use the owner or a superuser, or GRANT SELECT on what \
         is named above",
    ),
    (
        "row-level security",
        "a dump must see every row: use the table's owner or a role with BYPASSRLS",
    ),
    (
        "permission denied to create database",
        "let the role create databases (`ALTER ROLE … CREATEDB`): a restore loads into a new \
         database next to the live one",
    ),
    (
        "is being accessed by other users",
        "stop what is connected (`db-status` shows it), or list its container in `stop-during`",
    ),
    (
        "canceling statement due to lock timeout",
        "stop what holds the lock (`db-status` shows who is connected), or list its container in \
         `stop-during`",
    ),
    (
        "somebody writes to it",
        "stop what writes there, or list its container in `stop-during`; then check again with \
         `--dry-run`",
    ),
    (
        "canceling statement due to user request",
        "it was cancelled, most likely because it waited for a lock longer than \
         `guards.wait-for-locks`: end what holds the lock (it is named above), or wait longer",
    ),
    ("could not read from input file: end of file", "the archive is truncated: use another one"),
    ("No space left on device", "free space on the server's disk"),
    ("remaining connection slots", "the server has no free connection: stop some clients"),
    (
        "invalid locale name",
        "the server does not have the dump's locale: install it there, or restore on a server like \
         the original one",
    ),
    (
        "is not the one that was looked at",
        "it was changed in the meantime: run the command again and look at the new plan",
    ),
    ("is not available", "install the extension on the server first"),
];
