//! What the known migrators write down.

/// Tables in which the known migrators record what they did, with the locks and settings that
/// belong to them.
#[rustfmt::skip]
pub const LEDGERS: [&str; 34] = [
    "SequelizeMeta", "__EFMigrationsHistory", "__diesel_schema_migrations", "__drizzle_migrations", "_prisma_migrations",
    "_sqlx_migrations", "_yoyo_log", "_yoyo_migration", "_yoyo_version", "aerich", "alembic_version", "ar_internal_metadata",
    "atlas_schema_revisions", "databasechangelog", "databasechangeloglock", "django_migrations",
    "doctrine_migration_versions", "flyway_schema_history", "goose_db_version", "knex_migrations", "knex_migrations_lock",
    "kysely_migration", "kysely_migration_lock", "migration_versions", "migrations", "mikro_orm_migrations", "pgmigrations",
    "phinxlog", "piccolo_migration", "refinery_schema_history", "schema_migrations", "schema_version", "typeorm_metadata",
    "yoyo_lock",
];

/// Schemas that a migrator has to itself.
pub const LEDGER_SCHEMAS: [&str; 5] =
    ["drizzle", "graphile_migrate", "pgroll", "sqitch", "supabase_migrations"];
