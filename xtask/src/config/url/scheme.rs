//! The schemes of connection URIs: libpq has two, drivers and frameworks have more for the same
//! thing.

/// Names of the one protocol: `postgis` is Django's, `pgsql` Doctrine's, `psql` django-environ's.
const NAMES: [&str; 5] = ["postgresql", "postgres", "postgis", "pgsql", "psql"];

/// How long a URI's scheme is, with its `://`; none if it is not PostgreSQL's. SQLAlchemy's has its
/// driver after a `+`, Java's a `jdbc:` before it.
pub fn length(uri: &str) -> Option<usize> {
    let at = uri.find("://")?;
    let scheme = uri[..at].to_ascii_lowercase();
    let scheme = scheme.strip_prefix("jdbc:").unwrap_or(&scheme);
    let name = scheme.split_once('+').map_or(scheme, |(name, _)| name);
    let is_plain = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+_-".contains(&b));
    (is_plain && NAMES.contains(&name)).then_some(at + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_schemes_are_of_postgresql_too() {
        for scheme in [
            "postgresql",
            "POSTGRES",
            "postgresql+asyncpg",
            "postgresql+psycopg2",
            "postgis",
            "Postgres",
            "jdbc:postgresql",
        ] {
            assert_eq!(length(&format!("{scheme}://h/d")), Some(scheme.len() + 3), "{scheme}");
        }

        for uri in [
            "mysql://h/d",
            "postgresql:/h/d",
            "host=h dbname=d",
            "postgresqls://h/d",
            "://h",
            "jdbc:mysql://h/d",
        ] {
            assert_eq!(length(uri), None, "{uri}");
        }
    }
}
