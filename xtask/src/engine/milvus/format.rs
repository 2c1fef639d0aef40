//! A backup of Milvus as a stream: a header line, then records, each preceded by its length.
//!
//! docs/milvus-format.md describes the messages, for reading one without this tool; a test compares
//! the two.

use std::io::{self, BufReader, Read, Write};

use anyhow::Result;
use prost::encoding::{decode_varint, encode_varint};
use prost::{Message, Oneof};

use super::proto::schema::{CollectionSchema, FieldData, KeyValuePair};
use crate::problem::{Code, Problem};
use crate::stream::Digest;

const MAGIC: &str = "db-tasks milvus backup, format ";
const VERSION: u32 = 1;
/// No record is larger: a page of rows is a few megabytes, and one row is at most as large as an
/// answer.
const LARGEST: u64 = 128 << 20;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(oneof = "What", tags = "1, 2, 3, 4, 5")]
    pub record: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum What {
    #[prost(message, tag = "1")]
    Header(Header),
    #[prost(message, tag = "2")]
    Collection(Collection),
    #[prost(message, tag = "3")]
    Rows(Rows),
    #[prost(message, tag = "4")]
    CollectionEnd(CollectionEnd),
    #[prost(message, tag = "5")]
    End(End),
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Header {
    #[prost(string, tag = "1")]
    pub server_version: String,
    #[prost(string, tag = "2")]
    pub database: String,
    #[prost(uint64, tag = "3")]
    pub collections: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Collection {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub schema: Option<CollectionSchema>,
    #[prost(int32, tag = "3")]
    pub shards: i32,
    #[prost(int32, tag = "4")]
    pub consistency_level: i32,
    #[prost(message, repeated, tag = "5")]
    pub properties: Vec<KeyValuePair>,
    #[prost(string, repeated, tag = "6")]
    pub partitions: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    pub aliases: Vec<String>,
    #[prost(message, repeated, tag = "8")]
    pub indexes: Vec<Index>,
    #[prost(bool, tag = "9")]
    pub loaded: bool,
    #[prost(string, repeated, tag = "10")]
    pub loaded_partitions: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Index {
    #[prost(string, tag = "1")]
    pub field: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "3")]
    pub params: Vec<KeyValuePair>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Rows {
    #[prost(string, tag = "1")]
    pub partition: String,
    #[prost(uint32, tag = "2")]
    pub rows: u32,
    #[prost(message, repeated, tag = "3")]
    pub columns: Vec<FieldData>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct CollectionEnd {
    #[prost(uint64, tag = "1")]
    pub rows: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub sha256: Vec<u8>,
    #[prost(string, repeated, tag = "3")]
    pub changed: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct End {
    #[prost(uint64, tag = "1")]
    pub collections: u64,
    #[prost(uint64, tag = "2")]
    pub rows: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub sha256: Vec<u8>,
}

/// Writes the stream.
pub(super) struct Writer<W: Write> {
    out: Digest<W>,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> io::Result<Self> {
        let mut out = Digest::new(out);
        writeln!(out, "{MAGIC}{VERSION}")?;
        Ok(Self { out })
    }

    pub fn write(&mut self, what: What) -> io::Result<()> {
        let mut bytes = Vec::new();
        Record { record: Some(what) }
            .encode_length_delimited(&mut bytes)
            .map_err(io::Error::other)?;
        self.out.write_all(&bytes)
    }

    /// The last record: without it, a backup is incomplete.
    pub fn end(self, collections: u64, rows: u64) -> io::Result<()> {
        let (mut out, sum) = self.out.finish();
        let end = End { collections, rows, sha256: sum.print.bytes().to_vec() };
        let record = Record { record: Some(What::End(end)) };
        out.write_all(&record.encode_length_delimited_to_vec())?;
        out.flush()
    }
}

/// Reads the stream, and refuses anything incomplete.
pub(super) struct Reader<R: Read> {
    input: BufReader<R>,
    passed: Digest<io::Sink>,
}

/// What is wrong with a backup.
pub(super) fn damaged(why: impl AsRef<str>) -> Problem {
    Problem::failed("this backup of Milvus is damaged")
        .code(Code::BackupDamaged)
        .because(why)
        .cure("restore another backup")
        .of_backup()
}

fn cut_short() -> Problem {
    damaged("it is truncated: the end record is missing")
}

impl<R: Read> Reader<R> {
    pub fn new(input: R) -> Result<Self> {
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        // the line has a fixed length, except for the version
        while line.len() <= MAGIC.len() + 9 && !line.ends_with(b"\n") {
            let mut byte = [0];
            match read_whole(&mut input, &mut byte)? {
                0 => break,
                _ => line.push(byte[0]),
            }
        }

        let text = String::from_utf8_lossy(&line);
        let version = text
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_suffix('\n'))
            .and_then(|v| v.parse::<u32>().ok());
        match version {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                return Err(Problem::failed(format!("this backup of Milvus has format {newer}"))
                    .code(Code::BackupUnfit)
                    .because(format!("this version reads format {VERSION}"))
                    .cure("update db-tasks")
                    .of_backup()
                    .into());
            }
            None if MAGIC.starts_with(text.as_ref()) || text.starts_with(MAGIC) => {
                return Err(cut_short().into());
            }
            _ => {
                return Err(Problem::failed("this is not a backup of Milvus")
                    .code(Code::BackupDamaged)
                    .because("it does not begin like one")
                    .cure("name a file that this tool made from Milvus")
                    .of_backup()
                    .into());
            }
        }

        let mut passed = Digest::new(io::sink());
        passed.write_all(&line)?;

        Ok(Self { input, passed })
    }

    pub fn next(&mut self) -> Result<What> {
        let mut prefix = Vec::new();
        let length = loop {
            let mut byte = [0];
            if read_whole(&mut self.input, &mut byte)? == 0 {
                return Err(cut_short().into());
            }
            prefix.push(byte[0]);
            if byte[0] < 0x80 || prefix.len() == 10 {
                break decode_varint(&mut prefix.as_slice()).map_err(|e| damaged(e.to_string()))?;
            }
        };

        if length > LARGEST {
            return Err(damaged(format!("a record says that it has {length} bytes")).into());
        }

        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes).map_err(unreadable)?;

        if (bytes.len() as u64) < length {
            return Err(cut_short().into());
        }

        let record = Record::decode(bytes.as_slice())
            .map_err(|e| damaged(format!("a record can't be read: {e}")))?;
        // anything unknown would be lost in a restore; and only one way to write the same is
        // accepted
        let mut again = Vec::new();
        encode_varint(length, &mut again);

        let Some(what) =
            record.record.clone().filter(|_| record.encode_to_vec() == bytes && again == prefix)
        else {
            return Err(damaged("a record has something unknown").into());
        };

        if !matches!(what, What::End(_)) {
            self.passed.write_all(&prefix)?;
            self.passed.write_all(&bytes)?;
        }

        Ok(what)
    }

    /// After the last record: whether it is right.
    pub fn finish(mut self, end: &End) -> Result<()> {
        if read_whole(&mut self.input, &mut [0])? != 0 {
            return Err(damaged("something comes after its end").into());
        }
        let (_, sum) = self.passed.finish();
        if sum.print.bytes().as_slice() != end.sha256 {
            return Err(damaged("its checksum does not match its bytes").into());
        }
        Ok(())
    }
}

fn unreadable(error: io::Error) -> Problem {
    damaged(format!("it can't be read: {error}"))
}

/// As much as there is.
fn read_whole(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Problem> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(e)),
        }
    }

    Ok(got)
}
