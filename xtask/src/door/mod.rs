//! The two doors to processes: one that asks, one that moves data and changes things. There is no
//! third.

pub mod ask;
pub mod children;
mod heard;
pub mod held;
mod idle;
mod interrupt;
mod stopped;
pub mod waits;

pub use idle::Idle;
pub use interrupt::Interrupt;
