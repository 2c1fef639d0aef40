//! Completions. Those for bash are our own: clap's do not know `cargo db-tasks`, or names of
//! backups.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::{Shell, generate};

const BEGIN: &str = r#"# completions of db-tasks for bash, for `cargo db-tasks` and `cargo xtask`, too

_db_tasks() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' words='' config='' i=1 name
    local program=("${COMP_WORDS[0]}")
    if [[ ${COMP_WORDS[0]##*/} == cargo ]]; then
        i=2
        if type -P db-tasks >/dev/null; then program=(db-tasks); else program=(cargo "${COMP_WORDS[1]}"); fi
    fi
    COMPREPLY=()
    for (( ; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --config) config=${COMP_WORDS[i+1]} ;;
"#;

const END: &str = r#"    if [[ $cur != -* ]]; then
        case $command in
            db-restore | db-info | db-verify)
                # a name of another program's may hold a blank
                while IFS= read -r name; do
                    [[ -n $name && $name == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
                done < <("${program[@]}" ${config:+--config "$config"} --quiet db-list --names 2>/dev/null </dev/null)
                # the newest stays first
                compopt -o nosort 2>/dev/null
                return
                ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

_db_tasks_of_cargo() {
    if [[ ${COMP_WORDS[1]} == xtask || ${COMP_WORDS[1]} == db-tasks ]] && ((COMP_CWORD > 1)); then
        _db_tasks
    elif [[ -n $_db_tasks_before ]]; then
        "$_db_tasks_before" "$@"
    fi
}

complete -F _db_tasks db-tasks
# what completes cargo's own words goes on to do so
_db_tasks_before=$(complete -p cargo 2>/dev/null | sed -n 's/.* -F \([^ ]*\).*/\1/p')
[[ $_db_tasks_before == _db_tasks_of_cargo ]] && _db_tasks_before=''
complete -o bashdefault -o default -F _db_tasks_of_cargo cargo
"#;

/// The script for a shell, which completes this command line.
pub fn script(shell: Shell, mut cli: Command) -> String {
    cli.build();
    if shell == Shell::Bash {
        return bash(&cli);
    }
    let mut script = Vec::new();
    generate(shell, &mut cli, "db-tasks", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn bash(cli: &Command) -> String {
    let mut out = BEGIN.to_owned();

    for command in cli.get_subcommands() {
        let names: Vec<&str> =
            std::iter::once(command.get_name()).chain(command.get_all_aliases()).collect();
        let _ =
            writeln!(out, "            {}) command={} ;;", names.join(" | "), command.get_name());
    }

    out.push_str("        esac\n    done\n    case $command in\n");
    let commands: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();

    let _ = writeln!(
        out,
        "        '') words='{} help {}' ;;",
        commands.join(" "),
        flags(cli).join(" ")
    );

    for command in cli.get_subcommands() {
        let words = [flags(command), values(command)].concat().join(" ");
        let _ = writeln!(out, "        {}) words='{words}' ;;", command.get_name());
    }

    out.push_str("    esac\n    case $previous in\n");
    let (files, others): (Vec<&Arg>, Vec<&Arg>) = cli
        .get_subcommands()
        .flat_map(Command::get_arguments)
        .filter(|a| wants_a_value(a))
        .partition(|a| is_a_path(a));

    let named = |args: Vec<&Arg>| {
        let mut names: Vec<String> = args.into_iter().flat_map(names).collect();
        names.sort();
        names.dedup();
        names.join(" | ")
    };

    let paths = "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return";
    let _ = writeln!(
        out,
        "        {}) {paths} ;;\n        {}) return ;;\n    esac",
        named(files),
        named(others)
    );

    out.push_str(END);
    out
}

/// The words of a command that begin with a dash.
fn flags(command: &Command) -> Vec<String> {
    command
        .get_arguments()
        .filter(|a| !a.is_hide_set())
        .filter_map(|a| a.get_long().map(|long| format!("--{long}")))
        .collect()
}

/// The possible values of an option, if there are few.
fn values(command: &Command) -> Vec<String> {
    let values = command.get_positionals().flat_map(Arg::get_possible_values);
    values.map(|value| value.get_name().to_owned()).collect()
}

fn wants_a_value(arg: &Arg) -> bool {
    let optional = arg.get_num_args().is_some_and(|n| n.min_values() == 0);
    !arg.is_positional()
        && !optional
        && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn is_a_path(arg: &Arg) -> bool {
    !matches!(arg.get_value_hint(), ValueHint::Unknown | ValueHint::Other)
}

fn names(arg: &Arg) -> Vec<String> {
    let short = arg.get_short().map(|short| format!("-{short}"));
    arg.get_long().map(|long| format!("--{long}")).into_iter().chain(short).collect()
}
