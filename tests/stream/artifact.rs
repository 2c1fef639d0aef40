//! The whole chain, into a file and back.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use db_tasks::problem::About;
use db_tasks::stream::artifact::{self, create, look_into, open};
use db_tasks::stream::{Codec, Digest, Method, Sum};

use super::rows;

fn written(path: &Path, codec: Codec, method: Method, data: &[u8]) -> Sum {
    let mut writer = create(path, codec.into(), None, method).unwrap();
    data.chunks(70_000).for_each(|piece| writer.write_all(piece).unwrap());
    writer.finish().unwrap()
}

fn summed(bytes: &[u8], method: Method) -> Sum {
    let mut digest = Digest::by(method, std::io::sink());
    digest.write_all(bytes).unwrap();
    digest.finish().1
}

#[test]
fn what_is_created_is_opened_and_both_sum_up_the_file() {
    let dir = tempfile::tempdir().unwrap();
    for codec in Codec::ALL {
        for method in [Method::Sha256, Method::Blake3] {
            for length in [0, 1, 300_000, 20_000_000] {
                let path = dir.path().join(format!("{codec}-{method}-{length}"));
                let data = rows(length);
                let sum = written(&path, codec, method, &data);
                assert_eq!(sum, summed(&fs::read(&path).unwrap(), method), "{codec} {length}");

                let mut reader = open(&path, &codec.into(), method).unwrap();
                let mut back = Vec::new();
                reader.read_to_end(&mut back).unwrap();
                assert!(back == data, "{codec} {length}");
                assert_eq!(reader.finish().unwrap(), sum);

                let mut head = Vec::new();
                look_into(&path, &codec.into()).unwrap().take(1000).read_to_end(&mut head).unwrap();
                assert!(head == data[..length.min(1000)]);
            }
        }
    }
}

/// Whoever could plant a file or a link there would get the data.
#[cfg(unix)]
#[test]
fn a_file_is_new_and_its_owners() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    written(&path, Codec::Zstd, Method::Sha256, b"SELECT 1;\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let link = dir.path().join("link");
    symlink(dir.path().join("elsewhere"), &link).unwrap();
    for taken in [&path, &link] {
        let refused = create(taken, Codec::Zstd.into(), None, Method::Sha256).err().unwrap();
        assert!(refused.to_string().contains("could not make `"), "{refused}");
    }
    assert!(!dir.path().join("elsewhere").exists());
}

#[test]
fn what_was_given_up_is_no_artifact() {
    let dir = tempfile::tempdir().unwrap();
    for codec in [Codec::Zstd, Codec::Gzip] {
        let path = dir.path().join(codec.name());
        let mut writer = create(&path, codec.into(), None, Method::Sha256).unwrap();
        writer.write_all(&rows(3_000_000)).unwrap();
        drop(writer);

        let read = open(&path, &codec.into(), Method::Sha256)
            .map_err(|_| ())
            .and_then(|mut reader| reader.read_to_end(&mut Vec::new()).map_err(|_| ()));
        assert!(read.is_err(), "{codec}");
    }
}

/// A file that is damaged or cut short is a bad backup; one that is not there is not.
#[test]
fn damage_is_the_backups_and_the_rest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.sql.zst");
    written(&path, Codec::Zstd, Method::Sha256, &rows(3_000_000));

    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let mut reader = open(&path, &Codec::Zstd.into(), Method::Sha256).unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    let problem = artifact::unreadable(&path, &error);
    assert_eq!(problem.about, About::Backup, "{problem}");

    fs::write(&path, b"").unwrap();
    let empty = open(&path, &Codec::Zstd.into(), Method::Sha256).err().unwrap();
    assert_eq!(empty.about, About::Backup, "{empty}");

    let gone = open(&dir.path().join("gone"), &Codec::Zstd.into(), Method::Sha256).err().unwrap();
    assert_ne!(gone.about, About::Backup, "{gone}");
}
