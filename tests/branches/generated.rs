//! Scripts that nobody would write, put together from parts by a random number: definitions of all kinds with effects in between.
//!
//! The same number makes the same script. `BRANCHES_SEED` asks for others than the usual ones.

use std::fmt::Write;

/// A small generator of random numbers (xorshift64*), so that a seed means the same script for ever.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % bound
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What only defines. `N` is a number of its own in each place, `F` the number of a function that is there already.
const DEFINITIONS: [&str; 36] = [
    "f@N(x) = x + @N\n",
    "function f@N(x::Int, y = @N; z::Int = 1)\n    x + y * z\nend\nf@N(x) = f@N(Int(x), 2)\n",
    "function f@N(x)\n    s = 0\n    for i in 1:3\n        s += f@F(i) isa Number ? i : 0\n    end\n    s + x\nend\n",
    "f@N(x::T) where {T<:Real} = x + one(T)\n",
    "f@N(x, more...) = x + length(more)\n",
    "f@N(x) = sum(map(a -> a + x, [1, 2, 3]))\n",
    "f@N(x) = sum(a * x for a in 1:3 if a != 2)\n",
    "f@N(x) = try\n    f@F(x)\ncatch\n    -1\nend\n",
    "\"Documented.\"\nf@N(x) = x\n",
    "\"\"\"\nf@N(x)\n\nDocumented at length.\n\"\"\"\nfunction f@N end\nf@N(x) = 2x\n",
    "# a comment\n\n#= another\n   one =#\nf@N(x) = x # and one more\n",
    "f@N(x) = begin\n    text = \"\"\"\n    a $x\n    b\n    \"\"\"\n    length(text)\nend\n",
    "f@N(x) = x; g@N(x) = f@N(x)\n",
    "@inline f@N(x) = @inbounds [x, x][1]\n",
    "struct T@N\n    a::Int\n    b::String\nend\nf@N(x) = T@N(x, \"b\").a\n",
    "mutable struct T@N{A<:Real}\n    a::A\n    T@N(a::A) where {A<:Real} = new{A}(a)\nend\nf@N(x) = T@N(x).a\n",
    "abstract type K@N end\nstruct T@N <: K@N; a::Int; end\nf@N(x::K@N) = x.a\nf@N(x) = f@N(T@N(x))\n",
    "struct T@N{A}\n    a::A\nend\n(t::T@N)(x) = t.a + x\nf@N(x) = T@N(@N)(x)\n",
    "struct T@N; a::Int; end\nBase.show(io::IO, t::T@N) = print(io, \"T@N of \", t.a)\nf@N(x) = length(string(T@N(x)))\n",
    "struct T@N; a::Int; end\nBase.:+(x::T@N, y::T@N) = T@N(x.a + y.a)\nf@N(x) = (T@N(x) + T@N(1)).a\n",
    "Base.@kwdef struct T@N\n    a::Int = @N\n    b::Vector{Int} = [1, 2]\nend\nf@N(x) = T@N(a = x).a + T@N().a\n",
    "@enum E@N one@N two@N=5\nf@N(x) = x + Int(two@N)\n",
    "const C@N = @N\nf@N(x) = x + C@N\n",
    "const C@N = [\"a\", \"b\"]\nf@N(x) = x + length(C@N)\n",
    "const L@N = Vector{Int}\nf@N(x) = length(L@N()) + x\n",
    "module M@N\nexport h@N\nconst inside = @N\nh@N(x) = x + inside\nmodule Deep\nk(x) = x\nend\nend\nusing .M@N\nf@N(x) = h@N(x) + M@N.Deep.k(1)\n",
    "macro m@N(x)\n    :($(esc(x)) + 1)\nend\nf@N(x) = @m@N x\n",
    "using Printf\nf@N(x) = length(@sprintf(\"%.2f\", x))\n",
    "import Dates: year, Date\nf@N(x) = x + year(Date(2020, 1, 1))\n",
    "f@N(x) = x > 0 ? f@N(x - 1) : @__LINE__\n",
    "const C@N = Dict(\"a\" => @N, \"b\" => 2^3)\nf@N(x) = x + C@N[\"a\"]\n",
    "const C@N = joinpath(@__DIR__, \"c\")\nf@N(x) = x + length(basename(C@N))\n",
    "const C@N = x -> x + @N\nf@N(x) = C@N(x)\n",
    // What every launch evaluates itself.
    "println(\"said @N\")\nf@N(x) = x\n",
    "ENV[\"K@N\"] = \"@N\"\nf@N(x) = x + length(ENV[\"K@N\"])\n",
    "push!(LOAD_PATH, joinpath(@__DIR__, \"l@N\"))\nf@N(x) = x + length(LOAD_PATH)\n",
];

/// What can be seen from outside.
const EFFECTS: [&str; 26] = [
    "println(map(a -> a + @N, [1, 2]), ' ', a -> a)\n",
    "c@N = [i + f@F(i) for i in 1:3 if i > 1]\nprintln(c@N, sum(a * b for a in 1:2, b in 1:2))\n",
    "k@N = (a; b = @N) -> a + b\nprintln(k@N(1), ' ', k@N(1, b = 2), ' ', k@N)\n",
    "for (i, j) in sort([(1, 2), (3, 1)], by = p -> p[2])\n    println(map(a -> a * i, [j]))\nend\n",
    "println(f@F(2))\n",
    "println(\"line \", @__LINE__, ' ', f@F(1))\n",
    "v@N = [f@F(i) for i in 1:3]\nprintln(v@N)\n",
    "for i in 1:2\n    println(i, ' ', f@F(i))\nend\n",
    "n@N = 0\nfor i in 1:4\n    w = f@F(i) isa Number ? i : 0\n    w == 3 && continue\n    global n@N += w\nend\nprintln(n@N)\n",
    "k@N = 3\nwhile k@N > 0\n    global k@N -= 1\n    print(k@N, f@F(k@N))\nend\n",
    "let x = f@F(3)\n    println(x)\nend\n",
    "if f@F(1) isa Number\n    println(\"a number\")\nelse\n    println(\"none\")\nend\n",
    "x@N = 1\nx@N += f@F(1)\n@show x@N\n",
    "println(map(x -> f@F(x) + 1, 1:2), ' ', typeof(x -> x))\n",
    "try\n    error(\"caught @N\")\ncatch e\n    println(e.msg)\nend\n",
    "eval(:(h@N(x) = x + 1))\nprintln(h@N(1))\n",
    "f@F(x) = 1000 + x\nprintln(f@F(1))\n",
    "println(length(methods(f@F)), ' ', isdefined(Main, :f@F), ' ', nameof(f@F))\n",
    "atexit(() -> println(\"bye @N\"))\n",
    "println(stderr, \"to stderr \", f@F(1))\n",
    "println(basename(@__FILE__), ' ', @__MODULE__, ' ', ARGS)\n",
    "println(@doc(f@F) !== nothing)\n",
    "global w@N = 1; println(w@N)\n",
    "q@N() = f@F(1) + later@N()\nlater@N() = 1\nprintln(q@N())\n",
    "println(:(\n  a + @N\n), first(methods(f@F)).line > 0)\n",
    "@time nothing === nothing || println()\n",
];

/// How a script ends.
const ENDS: [&str; 6] = [
    "",
    "function main(args)\n    println(f@F(length(args)), args)\n    return nothing\nend\nmain(ARGS)\n",
    "error(\"the end\")\n",
    "fail(x) = error(\"failed with $x\")\nouter(x) = fail(x + 1)\nouter(1)\n",
    "exit(f@F(1) isa Number ? 3 : 4)\n",
    "println(undefined_name)\n",
];

/// The script of a seed.
pub fn script(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::from("f0(x) = x\n");
    let (mut number, count) = (0, 4 + random.below(10));
    // Some begin with many definitions, some mix.
    let effects = *random.pick(&[0, 0, 10, 40]);
    for _ in 0..count {
        number += 1;
        let part = if random.happens(effects) { random.pick(&EFFECTS) } else { random.pick(&DEFINITIONS) };
        add(&mut text, part, &mut number, &mut random);
    }
    for _ in 0..1 + random.below(5) {
        let part = *random.pick(&EFFECTS);
        add(&mut text, part, &mut number, &mut random);
    }
    let end = *random.pick(&ENDS);
    add(&mut text, end, &mut number, &mut random);
    text
}

/// A part with its own number; what defines no function of that number is followed by one that does.
fn add(text: &mut String, part: &str, number: &mut usize, random: &mut Random) {
    let known = random.below(*number);
    let part = part.replace("@N", &number.to_string()).replace("@F", &known.to_string());
    text.push_str(&part);
    if !part.contains(&format!("f{number}(")) {
        let _ = write!(text, "f{number}(x) = x * {number}\n\n");
    }
    *number += 1;
    let _ = writeln!(text, "f{number}(x) = f{known}(x)");
}

/// The seeds to try.
pub fn seeds() -> Vec<u64> {
    match std::env::var("BRANCHES_SEED") {
        Ok(seed) => vec![seed.parse().expect("BRANCHES_SEED is a number")],
        Err(_) => (1..=8).collect(),
    }
}
