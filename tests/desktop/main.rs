//! The real window, driven as a person drives it: by roles and names, with the mouse and by the keyboard alone, over real Consul
//! servers and over the demo fleet.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod demo;
mod editing;
mod first_screen;
mod live;
mod profiles;
