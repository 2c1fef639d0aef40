//! The two doors to processes: one that asks, one that moves data and changes things. There is no
//! third.

pub mod ask;
pub mod children;
mod heard;
pub mod held;
mod idle;
mod interrupt;
mod stopped;

pub use self::idle::Idle;
pub use self::interrupt::Interrupt;
