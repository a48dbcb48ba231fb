//! `juliaclient`: a drop-in `julia`. All it does is in the library's `client`.
#![no_main]
#![allow(unsafe_code, reason = "an own entry")]

jlapp::program!(jlapp::client::run);
