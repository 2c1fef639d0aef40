//! What `--help` shows at its end: lines to copy. A test parses each of them.

const FIRST: [(&str, &str); 6] = [
    ("db-backup", "back up every database, proved as it is written"),
    ("db-list", "what there is to restore"),
    ("db-restore --latest", "put the newest backup in place of the live data"),
    ("db-undo", "swap back what the last restore replaced"),
    ("db-restore --latest --dry-run", "show every step and guard; change nothing"),
    ("db-status --check", "for a cron job: exit 1 when something needs a look"),
];

const CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused by a guard, 4 declined,
            5 another run holds the lock, 6 finished, but what follows failed, 130 interrupted";

/// For the program as it was called: `cargo xtask`, `cargo db-tasks`, `db-tasks`.
pub(super) fn all(by: &str) -> String {
    let lines = FIRST.map(|(words, what)| format!("  {by} {words:<31}{what}\n"));
    format!("Examples:\n{}\n{CODES}", lines.concat())
}

pub(super) const BACKUP: &str = "\
Examples:
  db-backup                          ask, then back up every database
  db-backup --auto --compress gzip   for scripts: no question, a .sql.gz that gunzip reads
  db-backup --database main --label before-v2
  db-backup --salvage                of a damaged database: what can be read of it";

pub(super) const LIST: &str = "\
Examples:
  db-list                            newest first: size, age, rows, proved or not
  db-list --limit 5
  db-list --backup-dir /mnt/nas/db   the backups of another folder";

pub(super) const INFO: &str = "\
Examples:
  db-info app_20260116_224500        by its name in `db-list`: versions, checksum, rows
  db-info ~/prod.sql.gz              a file from anywhere
  db-info app_20260116_224500 --json";

pub(super) const VERIFY: &str = "\
Examples:
  db-verify                 the newest backup: checksum, whole read, end marker, rows of every \
                                 table
  db-verify --deep          the same, and a trial restore into a scratch database that goes again
  db-verify app_20260116_224500";

pub(super) const RESTORE: &str = "\
Examples:
  db-restore                          choose from a numbered list
  db-restore --latest --yes           for scripts
  db-restore --file ~/prod.sql.gz --as app_copy   beside the live database
  db-restore --latest --in-place      in the live database itself, behind a backup of it
  db-restore --latest --no-owner --no-privileges  production's data, where none of its roles are
  db-restore --latest --dry-run       every step and command; nothing changes

Production can be restored, too, and that undone: you are asked to type `restore production NAME`,
and a script sets DB_TASKS_RESTORE_PRODUCTION='NAME BACKUP' for that one run.";

pub(super) const UNDO: &str = "\
Examples:
  db-undo                    ask, then swap back all that the last restore or reset replaced
  db-undo --only main        this database alone
  db-undo --dry-run          what would come back, and every step; nothing changes";

pub(super) const RESET: &str = "\
Examples:
  db-reset                             asks for the database's name, backs up, resets
  db-reset --dry-run                   every step and guard; nothing changes
  db-reset --force                     for CI: no question, the backup is still made
  db-reset --no-seed

The hooks `migrate` and `seed` in `db-tasks.toml` make the new database. When one of them fails, \
                                the
old data comes back by itself; afterwards, `db-undo` brings it back.";

pub(super) const MIGRATE: &str = "\
Examples:
  db-migrate                 back up, then run `hooks.migrate` with DATABASE_URL set
  db-migrate --no-backup     without the backup: there is no way back
  db-migrate --database main --dry-run";

pub(super) const SEED: &str = "\
Examples:
  db-seed                    run `hooks.seed` of `db-tasks.toml`, with DATABASE_URL set
  db-seed --backup           back up first
  db-seed --database main --dry-run";

pub(super) const PREPARE: &str = "\
Examples:
  db-prepare                 for a container's first start: contents for an empty database
  db-prepare --database main
  db-prepare --dry-run       where the contents would come from; nothing changes
  db-prepare --replace       the same over data that is there: asked, and backed up first

A database that is missing is made. One that is empty is restored from the newest good backup, else
from the dump that `prepare.dump` names, else migrated and seeded. One with data is left alone;
tables of extensions are no data. What fails or is killed midway is taken away again, and the next
run begins anew. In production nothing is seeded.

With `--replace` the contents come from the dump that `prepare.dump` names, else from the newest
good backup that was not made as a safety before something else; never in production.
SKIP_DB_INIT=true leaves all of them alone. TESTING=true prepares the database that `testing` in
`[databases.NAME]` names, in place of the usual one.";

pub(super) const REPAIR: &str = "\
Examples:
  db-status                  says whether a killed run has left something
  db-repair --dry-run        what would be cleaned up; nothing changes
  db-repair                  clean it up now, not with the next run";

pub(super) const WIPE: &str = "\
Examples:
  db-wipe --dry-run                    every table with its rows, and every step; nothing changes
  export ALLOW_DATABASE_WIPE=true      the safety pin: without it, a wipe is refused
  db-wipe --backup                     back up, ask for the database's name, then empty every table
  db-wipe --only main --yes            for scripts: one database, no question, no backup
  unset ALLOW_DATABASE_WIPE

The ledgers of known migrators and tables of extensions keep their rows, and so does what
`guards.keep-tables` names. Each database is emptied in one transaction: all of it, or nothing.
Several, and stores, go one after the other: where one fails, the error names what is empty by \
                               then.";

pub(super) const PROTECT: &str = "\
Examples:
  db-protect                              what each database says, and what that means
  db-protect --environment production     from now on, no run but a recovery replaces its data

The marker is a setting of the database on its server; where nobody is a superuser, it is a line in
the database's comment. It is in no dump, and no restore carries it along.
This command only tightens; what lifts a protection is an administrator's SQL.";

pub(super) const PGPASS: &str = "\
Examples:
  db-pgpass                  a line for each database in `~/.pgpass`
  db-pgpass --dry-run        which lines, without their passwords
  db-pgpass --database main --file ~/.pgpass-shop

The passwords are those of DATABASE_URL, PGPASSWORD, POSTGRES_PASSWORD or the container. Other \
                                 lines
stay as they are; the file is replaced in one go, and only you may read it (0600).";

pub(super) const CLEANUP: &str = "\
Examples:
  db-cleanup --dry-run                     what would go and what stays, each with its reason
  db-cleanup                               ask, then remove by the rules of `db-tasks.toml`
  db-cleanup --keep-days 7 --min-keep 3 --yes   for scripts, by rules of their own";

pub(super) const STATUS: &str = "\
Examples:
  db-status                        every container, database and store, and the last backup
  db-status --check --max-age 26   for a cron job: exit 1 when a server is down or a backup too old
  db-status --json                 the same for programs";

pub(super) const SHELL: &str = "\
Examples:
  db-shell                             psql, as you know it
  db-shell -c 'SELECT count(*) FROM users'
  db-shell -f script.sql               the file is read here, wherever psql runs";

pub(super) const CONFIG: &str = "\
Examples:
  db-config                  every setting: from the file, the environment, `.env`, or the default
  db-config --no-dotenv      what would hold without `.env`
  db-config --config other/db-tasks.toml
  db-config --schema         for your editor: docs/configuration.md says how";

pub(super) const DOCTOR: &str = "\
Examples:
  db-doctor                  exit 1 when it finds a problem: a good first step on a new machine
  db-doctor --json           the same for programs";

pub(super) const START: &str = "\
Examples:
  db-start                   make the cluster where there is none yet, and leave it running
  db-start --database main
  db-start --dry-run         every step; nothing changes";

pub(super) const STOP: &str = "\
Examples:
  db-stop                    its data stays, and the next run that needs it starts it
  db-stop --database main
  db-stop --dry-run          every step; nothing changes";

pub(super) const COMPLETIONS: &str = "\
Examples:
  db-tasks db-completions bash > ~/.local/share/bash-completion/completions/db-tasks
  db-tasks db-completions zsh > ~/.zfunc/_db-tasks       a folder that is in `fpath`
  db-tasks db-completions fish > ~/.config/fish/completions/db-tasks.fish
  db-tasks db-completions powershell >> $PROFILE";
