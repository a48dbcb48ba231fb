//! `juliaclient`: a drop-in `julia`. All it does is in the library's `client`.
#![no_main]
#![allow(unsafe_code, reason = "`program!` makes an entry of its own")]

jlapp::program!(jlapp::client::run);
