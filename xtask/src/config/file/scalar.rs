//! Numbers as people write them: as numbers, or as texts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A string or a whole number: people write ports and days both ways.
#[derive(Debug, Clone)]
pub struct Scalar(pub String);

/// A string or a number that may have a fraction.
#[derive(Debug, Clone)]
pub struct Decimal(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Whole;

        impl Visitor<'_> for Whole {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }
            fn visit_str<E>(self, v: &str) -> Result<Scalar, E> {
                Ok(Scalar(v.to_owned()))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Scalar, E> {
                Ok(Scalar(v.to_string()))
            }
        }

        d.deserialize_any(Whole)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }
            fn visit_str<E>(self, v: &str) -> Result<Decimal, E> {
                Ok(Decimal(v.to_owned()))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Decimal, E> {
                Ok(Decimal(v.to_string()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Decimal, E> {
                Ok(Decimal(v.to_string()))
            }
        }

        d.deserialize_any(Any)
    }
}

/// Rights in octal, as a string: as a number they would be read in decimal.
#[derive(Debug, Clone)]
pub struct Octal(pub String);

impl<'de> Deserialize<'de> for Octal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Quoted;

        impl Visitor<'_> for Quoted {
            type Value = Octal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rights in octal, in quotes, like \"0640\"")
            }
            fn visit_str<E>(self, v: &str) -> Result<Octal, E> {
                Ok(Octal(v.to_owned()))
            }
        }

        d.deserialize_any(Quoted)
    }
}
