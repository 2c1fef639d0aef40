//! A tree of files, as a value: what is in it, and what of it an archive could not take along.

mod attributes;
mod census;
mod lost;
mod name;
mod roll;

pub use attributes::{Attributes, Given, granted, is_kept, is_missed};
pub use census::{
    Census, Difference, Entry, Kind, Moment, Remark, SET_ID, Target, What, differences,
};
pub use lost::{LEADS_OUT, LEFT_OUT, leads_out, lost, some};
pub use name::{Name, escaped, unescaped};
pub use roll::Roll;
