//! Files and folders whose names are no text.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::{Bench, HOST};

#[test]
fn a_file_whose_name_is_not_utf8_is_listed() {
    let bench = Bench::new(HOST);
    bench.with_backup();
    for name in [b"bad\xff.sql".as_slice(), b"half\xff.sql.partial"] {
        fs::write(bench.dir.join("backups").join(OsStr::from_bytes(name)), "x").unwrap();
    }

    let said = bench.run(&["db-list", "--json"]).exits(0).out;
    assert!(said.contains("bad\u{fffd}.sql") && said.contains("half\u{fffd}.sql"), "{said}");
    assert!(bench.run(&["db-list"]).exits(0).out.contains("bad\u{fffd}.sql"));
}

/// A server's folder is given as text: it would be in a folder with another name, which may be
/// another project's.
#[test]
fn a_project_whose_folder_is_not_utf8_is_refused() {
    let bench = Bench::new(HOST);
    let folder = bench.root().join(OsStr::from_bytes(b"shop\xff"));
    fs::create_dir(&folder).unwrap();
    let own = "[databases.main]\ncluster = \"pg\"\npostgres = { database = \"app\" }\n";
    fs::write(folder.join("db-tasks.toml"), own).unwrap();
    let before = fs::read_dir(bench.root()).unwrap().count();

    for command in ["db-start", "db-list", "db-backup"] {
        bench.run_in(&folder, &[command]).exits(2).tells("is not UTF-8").has_three_parts();
    }
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), before);
}
