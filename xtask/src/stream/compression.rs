use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// How the bytes of a dump file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// One zstd frame with a content checksum.
    Zstd,
    /// Concatenated gzip members, each with its own CRC.
    Gzip,
    /// No compression, and no protection against damage.
    #[serde(rename = "none")]
    Plain,
}

impl Codec {
    /// Every codec, in the order they should be offered.
    pub const ALL: [Codec; 3] = [Codec::Zstd, Codec::Gzip, Codec::Plain];

    /// The name used in options and messages; the same as [`fmt::Display`].
    pub fn name(self) -> &'static str {
        match self {
            Codec::Zstd => "zstd",
            Codec::Gzip => "gzip",
            Codec::Plain => "none",
        }
    }

    /// The level used when none is asked for.
    pub fn default_level(self) -> Option<i32> {
        match self {
            Codec::Zstd => Some(1),
            // Files come out within a few per cent of those of `gzip` at its
            // default 6, for little more work than the levels below; this
            // backend's own 6 can take twice as long.
            Codec::Gzip => Some(5),
            Codec::Plain => None,
        }
    }

    /// The levels that may be asked for; `None` where there is nothing to set.
    pub fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            // From 20 on zstd wants hundreds of megabytes, as its own
            // command-line tool says by asking for `--ultra`.
            Codec::Zstd => Some(1..=19),
            Codec::Gzip => Some(1..=9),
            Codec::Plain => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Codec::ALL.into_iter().find(|codec| codec.name() == name);
        known.ok_or_else(|| UnknownCodec(name.to_owned()))
    }
}

/// A codec name other than `zstd`, `gzip` and `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCodec(String);

impl fmt::Display for UnknownCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown compression `{}`: use zstd, gzip or none", self.0)
    }
}

impl Error for UnknownCodec {}

/// A codec with a level that is known to be valid for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    codec: Codec,
    level: Option<i32>,
}

impl Compression {
    /// Pairs a codec with a level, or with its default level for `None`.
    pub fn new(codec: Codec, level: Option<i32>) -> Result<Self, LevelError> {
        if let Some(level) = level
            && !codec.levels().is_some_and(|range| range.contains(&level))
        {
            return Err(LevelError { codec, level });
        }
        let level = level.or(codec.default_level());
        Ok(Self { codec, level })
    }

    /// Reads a codec's name, with a level if one was given.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(codec: &str, level: Option<i32>) -> Result<Self, String> {
        let codec: Codec = codec.parse().map_err(|e: UnknownCodec| e.to_string())?;
        Self::new(codec, level).map_err(|e| e.to_string())
    }

    /// The codec.
    pub fn codec(self) -> Codec {
        self.codec
    }

    /// The level in force; `None` only for [`Codec::Plain`].
    pub fn level(self) -> Option<i32> {
        self.level
    }
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        let level = codec.default_level();
        Self { codec, level }
    }
}

/// A compression level outside the range of its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelError {
    codec: Codec,
    level: i32,
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { codec, level } = self;
        match codec.levels() {
            Some(range) => write!(
                f,
                "{codec} has no compression level {level}: use {} to {}",
                range.start(),
                range.end()
            ),
            None => write!(f, "compression {codec} takes no level, but {level} was given"),
        }
    }
}

impl Error for LevelError {}
