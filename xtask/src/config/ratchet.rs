//! How many records a backup must hold, as `[guards.ratchet]` says it.

use std::fmt;

use super::table_name::TableName;

/// How many records a backup must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ratchet {
    /// Rows that each database must have in all.
    pub min_records: u64,
    /// How much of the most rows must still be there.
    pub portion: Portion,
    /// Tables of which the same must still be there.
    pub tables: Vec<TableName>,
}

/// A part of a whole, in millionths: more than none, and at most all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion(u32);

const WHOLE: u32 = 1_000_000;

impl Portion {
    /// Nine tenths.
    pub const USUAL: Self = Self(900_000);

    /// Reads `0.9`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "it must be a number above 0, and at most 1".to_owned();
        let number: f64 = text.trim().parse().map_err(|_| wrong())?;
        if !(number > 0.0 && number <= 1.0) {
            return Err(wrong());
        }

        // it fits, and has no sign: it is at most WHOLE
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let millionths = (number * f64::from(WHOLE)).round() as u32;
        if millionths == 0 { Err(wrong()) } else { Ok(Self(millionths)) }
    }

    /// The least that is at least this part of so many.
    pub fn of(self, all: u64) -> u64 {
        let part = (u128::from(all) * u128::from(self.0)).div_ceil(u128::from(WHOLE));
        u64::try_from(part).unwrap_or(all)
    }

    /// `90 %`
    pub fn percent(self) -> String {
        format!("{} %", f64::from(self.0) / f64::from(WHOLE / 100))
    }
}

/// As it is written: `0.9`.
impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / f64::from(WHOLE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_exact() {
        for (text, all, part, percent) in [
            ("0.9", 25_000, 22_500, "90 %"),
            ("0.9", 1, 1, "90 %"),
            ("0.9", 0, 0, "90 %"),
            (" 0.995 ", 1000, 995, "99.5 %"),
            ("1", 7, 7, "100 %"),
            ("0.1", 31, 4, "10 %"),
            ("0.7", 10, 7, "70 %"),
            ("0.000001", u64::MAX, 18_446_744_073_710, "0.0001 %"),
            ("1.0", u64::MAX, u64::MAX, "100 %"),
        ] {
            let portion = Portion::parse(text).unwrap();
            assert_eq!((portion.of(all), portion.percent().as_str()), (part, percent), "{text}");
            assert_eq!(Portion::parse(&portion.to_string()), Ok(portion), "{text}");
        }

        for text in ["0", "-0.5", "1.01", "90", "90%", "", "NaN", "inf", "0.0000001", "much"] {
            assert!(Portion::parse(text).is_err(), "{text}");
        }
    }
}
