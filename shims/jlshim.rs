//! `jlshim`: what an app's one-line shim (`#!/path/to/jlshim`) runs.
#![no_main]
#![allow(unsafe_code, reason = "`program!` makes an entry of its own")]

jlapp::program!(jlapp::client::run_shim);
