//! Plain data per screen: the contract with the window, layout, and the public JSON.

pub mod contract;
pub mod export;
pub mod layout;
pub mod text;
