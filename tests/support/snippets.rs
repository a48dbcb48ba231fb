//! Beginnings of programs that are to be interrupted, and how to know that they are where a signal should find them.
//!
//! A signal that comes while Julia compiles, or within a moment of a write, can make plain Julia 1.5 itself fail: "Internal
//! error: encountered unexpected error in runtime", exceptions that are lost. So these make a file [`QUIET`] once
//! everything that follows is compiled and all output is out.

/// The file that says so.
pub const QUIET: &str = "quiet";

/// With an exit hook; what comes after it runs uncompiled code no more if it is a call of `sleep`, `readline` or `wait`.
pub const AT_REST: &str = "atexit(() -> write(\"hook\", \"ran\")); print(\"ready\\n\"); string(1); sleep(0.2)
precompile(sleep, (Int,)); precompile(readline, (typeof(stdin),)); precompile(wait, (Base.Process,)); touch(\"quiet\"); sleep(0.01)\n";

/// With an exit hook; never waits, allocates all the time.
pub const BUSY: &str = "atexit(() -> write(\"hook\", \"ran\")); print(\"ready\\n\")
let x = 0, i = 0
    while true
        x += length(string(x))
        i += 1
        i == 1000 && touch(\"quiet\")
    end
end";
