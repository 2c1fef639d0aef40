//! A tree of files, as a value: what is in it, and what of it an archive could not take along.

mod attributes;
mod census;
mod lost;
mod name;
mod roll;

pub use self::attributes::{Attributes, Given, granted, is_kept, is_missed};
pub use self::census::{
    Census, Difference, Entry, Kind, Moment, Remark, SET_ID, Target, What, differences,
};
pub use self::lost::{LEADS_OUT, LEFT_OUT, leads_out, lost, some};
pub use self::name::{Name, escaped, unescaped};
pub use self::roll::Roll;
