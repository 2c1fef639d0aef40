# make db-backup, make db-restore FILE=…: a file to copy into your repo, beside scripts/db, and to include:
#
#     include scripts/db-tasks.mk
#
# `make db-help` lists the targets. Your default goal stays yours. For GNU make 3.81 or later; BSD make reads
# another language: use gmake there, or scripts/db itself. make exits with 2 whatever a task's exit code was,
# and prints that one; where the code matters, as in CI, call scripts/db.
#
# FILE, NAME, DATABASE, AS, LATEST, YES and ARGS count only where they are typed after make: a variable of such a
# name from the environment or a makefile must not choose what is replaced. DRY_RUN counts wherever it is set.
# One typed with a target that has no use for it is an error, for whoever typed it meant something.
# ARGS is more of the command line, as a shell reads it: make db-backup ARGS="--label 'before v2'".

db_tasks_goal := $(.DEFAULT_GOAL)
db_tasks_file := $(lastword $(MAKEFILE_LIST))

# the script beside this file, unless that is a folder; without it $DB_TASKS or db-tasks on PATH
db_tasks := $(filter-out $(patsubst %/.,%,$(wildcard $(dir $(db_tasks_file))db/.)),$(wildcard $(dir $(db_tasks_file))db))
db_tasks := $(if $(db_tasks),sh '$(db_tasks)',"$${DB_TASKS:-db-tasks}")

# what counts, and is not empty
db_tasks_typed := $(foreach v,FILE NAME DATABASE AS LATEST YES ARGS,$(if $(filter command override,$(origin $v)),$(if $(value $v),$v)))
# It reaches the shell as the value of a variable, never as text, and a $ in it is a $.
$(foreach v,$(filter FILE NAME DATABASE AS,$(db_tasks_typed)),$(eval override $v := $$(value $v))$(eval export $v))

# the option of each; a flag is 1 or is not there, so that a slip is no yes, and no real run that was meant to be dry
db_tasks_flag = $(if $(filter-out 1,$($1)),$(error $1=$($1): say $1=1, or leave it out))$2
db_tasks_FILE = --file="$$FILE"
db_tasks_NAME = "$$NAME"
db_tasks_DATABASE = --database="$$DATABASE"
db_tasks_AS = --as="$$AS"
db_tasks_LATEST = $(call db_tasks_flag,LATEST,--latest)
db_tasks_YES = $(call db_tasks_flag,YES,--yes)
db_tasks_DRY_RUN = $(call db_tasks_flag,DRY_RUN,--dry-run)
db_tasks_ARGS = $(ARGS)

# $(call db_tasks_run,FILE NAME): the target's task, which takes these, and ARGS
db_tasks_asked = $(db_tasks_typed) $(if $(DRY_RUN),$(filter DRY_RUN,$1))
db_tasks_run = $(db_tasks) $@$(foreach v,$(db_tasks_asked),$(if $(filter $v,ARGS $1), $(db_tasks_$v),$(db_tasks_none)))
db_tasks_none = $(if $(filter $@,$(MAKECMDGOALS)),$(error $@ takes no $v))

.PHONY: db-help db-backup db-list db-info db-verify db-restore db-undo db-cleanup db-pin db-adopt db-schedule db-status db-shell db-config db-doctor db-log
.PHONY: db-start db-stop db-completions db-reset db-wipe db-migrate db-seed db-prepare db-repair db-protect db-pgpass

db-help: ## this list
	@sed -n 's/^\(db-[a-z]*\): ## \(.*\)/\1@\2/p' '$(db_tasks_file)' | while IFS=@ read -r name text; do printf '  %-15s %s\n' "$$name" "$$text"; done
	@printf '%s\n' '' 'all take ARGS="…"; and DATABASE=…, DRY_RUN=1, YES=1 where the task has --database, --dry-run, --yes'

db-backup: ## dump every database, proved as it is written
	@$(call db_tasks_run,DATABASE YES DRY_RUN)

db-list: ## the backups, newest first
	@$(call db_tasks_run)

db-info: ## what a backup holds: NAME=…
	@$(call db_tasks_run,NAME)

db-verify: ## read a backup whole and prove it: the newest, or NAME=…; ARGS=--deep restores it for a trial
	@$(call db_tasks_run,NAME LATEST DATABASE DRY_RUN)

db-restore: ## put a backup in place of the live data: LATEST=1, NAME=… or FILE=…; AS=… beside it instead
	@$(call db_tasks_run,FILE NAME LATEST AS DATABASE YES DRY_RUN)

db-undo: ## swap back what the last restore replaced
	@$(call db_tasks_run,DATABASE YES DRY_RUN)

db-cleanup: ## remove old backups by the keep rules
	@$(call db_tasks_run,YES DRY_RUN)

db-pin: ## keep a backup whatever the keep rules say: NAME=…; ARGS="--until 2027-03-31", ARGS=--unpin
	@$(call db_tasks_run,NAME DRY_RUN)

db-adopt: ## take dumps of other tools among the backups: NAME='app_*.sql.gz', or all in the folder
	@$(call db_tasks_run,NAME DATABASE LABEL YES DRY_RUN)

db-schedule: ## what runs when; ARGS=install lets this machine start it, ARGS=run stays in the foreground
	@$(call db_tasks_run,DRY_RUN)

db-status: ## servers, sizes, sessions, the last backup; ARGS=--check for monitoring
	@$(call db_tasks_run)

db-shell: ## psql on the right database; FILE=… runs a script
	@$(call db_tasks_run,FILE DATABASE DRY_RUN)

db-config: ## every setting and where it came from
	@$(call db_tasks_run)

db-doctor: ## look for what would go wrong, with cures
	@$(call db_tasks_run)

db-log: ## who ran what, the newest at the end; ARGS=--verify finds changes of that record
	@$(call db_tasks_run)

db-start: ## start the project's own cluster
	@$(call db_tasks_run,DATABASE DRY_RUN)

db-stop: ## stop the project's own cluster
	@$(call db_tasks_run,DATABASE DRY_RUN)

db-completions: ## completions for a shell: ARGS=bash
	@$(call db_tasks_run)

db-reset: ## back up, make the database anew, migrate, seed; ARGS=--force for CI, ARGS=--no-seed
	@$(call db_tasks_run,DATABASE YES DRY_RUN)

db-wipe: db_tasks_NAME = --only="$$NAME"
db-wipe: ## empty every table, or those of NAME=… alone; ARGS=--backup keeps a backup
	@$(call db_tasks_run,NAME DATABASE YES DRY_RUN)

db-migrate: ## run the project's migrations
	@$(call db_tasks_run,DATABASE DRY_RUN)

db-seed: ## run the project's seed
	@$(call db_tasks_run,DATABASE DRY_RUN)

db-prepare: ## make and fill the databases that are missing or empty; ARGS=--replace: those with data, too
	@$(call db_tasks_run,DATABASE YES DRY_RUN)

db-repair: ## set right what a killed run left behind
	@$(call db_tasks_run,DRY_RUN)

db-protect: ## mark the database for what it is: ARGS="--environment production"
	@$(call db_tasks_run,DATABASE DRY_RUN)

db-pgpass: ## write the passwords into ~/.pgpass, or FILE=…
	@$(call db_tasks_run,FILE DATABASE DRY_RUN)

.DEFAULT_GOAL := $(db_tasks_goal)
