# scripts/db.ps1 backup --auto: what scripts/db does, for PowerShell 5.1 and later. A file to copy into your repo.
#
# It takes the first that is there: the program in $env:DB_TASKS, db-tasks on PATH, or cargo xtask where cargo
# knows that alias. `backup` is short for `db-backup`; an option and a whole name pass as they are. The folder
# stays the one you are in. The exit code is the program's own.
#
# No param() here: it would take words that are meant for db-tasks. PowerShell keeps a bare -- for itself, and
# before 7.3 it drops quotes inside of an argument (-c 'SELECT "a"'): put such SQL into a file for db-shell -f.
# The tests of db-tasks read this file's grammar everywhere, and run it where there is a pwsh.

function Find-Program([string] $Name) {
    Get-Command -Name $Name -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
}

function Stop-Here([string[]] $Lines) {
    foreach ($line in $Lines) { [Console]::Error.WriteLine($line) }
    exit 2
}

$words = @($args)
if ($words.Count -gt 0 -and $words[0] -cnotmatch '^(-|db-|$)') { $words[0] = 'db-' + $words[0] }

if ($env:DB_TASKS) {
    $program = Find-Program $env:DB_TASKS
    if (-not $program) {
        Stop-Here "error: DB_TASKS is ``$env:DB_TASKS``, and that is no program",
            '  next: name one program in it, without arguments; or unset it, for db-tasks on PATH or cargo xtask'
    }
} else {
    $program = Find-Program 'db-tasks'
    if (-not $program) {
        $cargo = Find-Program 'cargo'
        # cargo itself knows where aliases may stand: here, in any folder above, at home, in a variable
        if ($cargo -and (& $cargo --list) -match '^\s+xtask\s') {
            $program = $cargo
            $words = @('xtask') + $words
        }
    }
}
if (-not $program) {
    Stop-Here 'error: there is no db-tasks to run',
        '  looked for: the program in $env:DB_TASKS, db-tasks on PATH, an alias `xtask` in .cargo/config.toml of this folder or one above',
        '  next: `cargo install --path xtask` in a clone of db-tasks, or set DB_TASKS to where it is, or give your repo that alias'
}

if ($MyInvocation.ExpectingInput) { $input | & $program @words } else { & $program @words }
exit $LASTEXITCODE
