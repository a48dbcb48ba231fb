//! `jlshim`: what an app's one-line shim (`#!/path/to/jlshim`) runs.
#![no_main]
#![allow(unsafe_code, reason = "an own entry")]

jlapp::program!(jlapp::client::run_shim);
