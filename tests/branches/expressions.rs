//! Expressions (`-e`, `-E`), and what of each is done ahead.

use super::{Desk, tested};
use crate::daemon_support::Steps;

/// All that it compiles is of a type that has characters as parameters.
const FORMATS: &str = "using Printf; for f in [\"a\", \"b\"]; @printf(\"%s %d\\n\", f, 1); end";

/// What stands behind packages is lowered: the letter, the text, and what is to be done ahead from Julia 1.6 on.
const EXPRESSIONS: &[(&str, &str, &str)] = &[
    ("-e", "for i in 1:3; println(i^2); end", "lowered 1 more, compiled 1 of them"),
    ("-E", "x = 3; [i * x for i in 1:3 if isodd(i)]", "lowered 1 more"),
    (
        "-e",
        "using Clean, Dates; for d in 1:2; println(Date(2020, 1, d), Clean.answer()); end",
        "loaded Clean, Dates, lowered 1 more",
    ),
    (
        "-e",
        "import Dates\nusing Printf: @printf\nfor f in [\"a\", \"b\"]\n    @printf(\"%s\\n\", f)\nend\nprintln(map(d -> Dates.Day(d), 1:2))",
        "loaded Dates, Printf, lowered 2 more",
    ),
    ("-e", FORMATS, "loaded Printf, lowered 1 more"),
    ("-e", "using Base: sin; using Printf; for i in 1:2; @printf(\"%d\\n\", i); end", "loaded Printf, lowered 1 more"),
    ("-e", "xs = [1, 2, 3]; for x in xs; x > 2 && error(\"too big: $x\"); end", "lowered 1 more"),
    ("-e", "println(1)\n\nforeach(x -> x == 2 ? throw(ArgumentError(\"two\")) : println(x), 1:3)", "lowered 1 more"),
    ("-e", "s = 0; for i in 1:3; s += i; end; println(s)", ""),
    ("-e", "for i in 1:3; t = i; end; println(@isdefined t); g = x -> x; println(g)", "lowered"),
    ("-e", "f(x) = x + 1; println(map(x -> f(x), 1:3)); for i in 1:2; println(f(i)); end", ""),
    ("-e", "println(map(x -> x, 1:2)); using Clean; println(map(x -> Clean.answer() + x, 1:2))", "lowered"),
    ("-e", "exit(length(filter(x -> x > 1, [1, 2, length(ARGS)])))", "lowered 1 more"),
    ("-e", "for i in 1:3 println(i) end; syntax error here", ""),
    // The folder is each launch's own.
    ("-e", "println(map(x -> x, 1:2), basename(@__DIR__), @__FILE__, @__LINE__)", ""),
];

/// From the third launch on they run from their branches, and nobody can tell.
pub fn cannot_be_told_from_plain_julia(desk: &Desk, steps: &mut Steps) {
    for (letter, text, wanted) in EXPRESSIONS {
        let words = [*letter, *text, "--", "a b", ""];
        let program = format!("{letter} {text}").chars().take(80).collect::<String>();
        let wanted = if tested::version() < (1, 6) { "" } else { wanted };
        steps.step(&program, || {
            let plain = [desk.plain(&words), desk.plain(&words)][1].clone(); // the first time packages are compiled
            for _ in 0..2 {
                desk.is_like_plain(&words, &plain);
            }
            desk.wait_for(&program, wanted);
            assert!(!text.contains("@__DIR__") || !desk.outlook(&program).unwrap().contains("lowered"), "its folder");
            let is_formatted = *text == FORMATS && tested::version() >= (1, 6);
            let outlook = desk.outlook(&program).unwrap();
            assert!(!is_formatted || !outlook.contains("; 0 methods"), "its format is compiled: {outlook}");
            let before = desk.served(&program);
            desk.is_like_plain(&words, &plain);
            assert!(wanted.is_empty() || desk.served(&program) > before, "served by its branch");
        });
    }
}
