//! Questions to a server and a database, and what their answers mean.

pub mod admission;
pub mod contents;
pub mod counting;
pub mod facts;
pub mod inventory;
pub mod keys;
pub mod locks;
pub mod marker;
pub mod marks;
pub mod members;
pub mod reached;
pub mod room;
pub mod salvage;
pub mod shape;
pub mod standing;
pub mod waiting;
