//! Scripts, and what of each is done ahead.

use super::tested;

/// A script, and what is to be done ahead of it.
pub struct Script {
    pub name: &'static str,
    pub text: &'static str,
    outlook: &'static str,
}

impl Script {
    /// The parser of 1.10 and 1.11 gives a line with several statements the number of the line before it, so no rest of a file
    /// begins there.
    pub fn outlook(&self) -> &'static str {
        let misnumbered = self.name == "several-on-a-line" && ((1, 10)..(1, 12)).contains(&tested::version());
        let nothing = "begins with something else";
        match self.outlook.split_once("lowered") {
            // Julia 1.5 parses files in C, where nothing can be given to it.
            Some((before, _)) if tested::version() < (1, 6) => before.strip_suffix(", ").unwrap_or(nothing),
            _ if misnumbered => nothing,
            _ => self.outlook,
        }
    }
}

const fn script(name: &'static str, text: &'static str, outlook: &'static str) -> Script {
    Script { name, text, outlook }
}

pub const SCRIPTS: &[Script] = &[
    script(
        "definitions",
        r#"# a comment
using Printf, Dates
import LinearAlgebra: norm

"A point."
struct Point{T<:Real}
    x::T
    y::T
    Point(x::T, y::T) where {T<:Real} = new{T}(x, y)
end
abstract type Shape end
mutable struct Circle <: Shape; r::Float64; end
Base.@kwdef struct Options
    depth::Int = 3
    name::String = "none"
end
@enum Colour red=1 green
const N = 100
const NAMES = ["a", "b"]
const Points{T} = Vector{Point{T}}
Base.:+(a::Point, b::Point) = Point(a.x + b.x, a.y + b.y)
Base.show(io::IO, c::Circle) = print(io, "circle ", c.r)
function total(points::Points{T}; scale::T = one(T)) where T
    s = Point(zero(T), zero(T))
    for p in points
        s += p
    end
    @assert s.x >= 0
    @inbounds Point(s.x * scale, s.y * scale)
end
macro twice(x)
    :(($(esc(x)); $(esc(x))))
end
@inline area(c::Circle) = pi * c.r^2
(c::Circle)(x) = x + c.r
function main(args)
    @printf("%.2f\n", total([Point(Float64(i), 1.0) for i in 1:N]).x)
    println(Circle(2.0), " ", area(Circle(1.0)), " ", Circle(1.0)(2), " ", Options(), " ", Int(green))
    println(Date(2020, 1, 2) + Day(3), " ", args, " ", norm([3.0, 4.0]), NAMES)
    println(@__FILE__, " ", @__DIR__, " ", @__LINE__, " ", @__MODULE__, " ", PROGRAM_FILE)
    println(map(x -> x + 1, 1:3), " ", typeof(x -> x))
    println(abspath(PROGRAM_FILE) == @__FILE__, " ", r"a+".pattern)
    return nothing
end
@twice print("t ")
main(ARGS)
println(methods(area))
"#,
        "evaluated 17 statements, to line 44",
    ),
    script("only-definitions", "f(x) = x\nconst A = 1\n", "evaluated all 2 statements"),
    script(
        "error-inside",
        "f(x) = g(x)\n\n\ng(x) = error(\"no $x\")\n\nf(1)\nprintln(\"not reached\")\n",
        "evaluated 2 statements, to line 5",
    ),
    script("error-below", "f(x) = x\nprintln(f(1))\nerror(\"top\")\n", "evaluated 1 statements, to line 1"),
    script("syntax-error", "f(x) = x\nprintln(f(1))\nfunction g(\n", "it cannot be parsed"),
    script("undefined-type", "f(x) = x\ng(x::Nowhere) = x\n", "evaluated 1 statements, to line 1"),
    script(
        "modules",
        "module A\nexport a\nmodule B\nstruct T; x::Int; end\nend\na(x) = B.T(x)\nend\nusing .A\nprintln(a(1))\n",
        "evaluated 2 statements, to line 8",
    ),
    script("init", "module A\n__init__() = println(\"init\")\nend\nprintln(1)\n", "begins with something else"),
    script("effects-first", "println(1)\nf() = 2\nprintln(f())\n", "begins with something else"),
    script(
        "own-macro",
        "macro m(x)\n    println(\"expanded\")\n    x\nend\nf() = @m 1\nprintln(f())\n",
        "1 statements, to line 4",
    ),
    script(
        "redefined",
        "f() = 1\nprintln(f())\nf() = 2\nprintln(f())\ng() = f()\nprintln(g())\n",
        "1 statements, to line 1",
    ),
    script("status", "finish(n) = exit(n)\natexit(() -> println(\"bye\"))\nfinish(7)\n", "1 statements, to line 1"),
    script("several-on-a-line", "f() = 1; g() = 2\nprintln(f() + g()); h() = 3\n", "1 statements, to line 1"),
    script("several-after-one", "f() = 1\ng() = 2\nx = f(); y = g()\nprintln(x + y)\n", "evaluated"),
    script("included", "include(\"part.jl\")\nprintln(part(2), \" \", where_am_i())\n", "1 statements, to line 1"),
    script("included-effect", "f() = 1\ninclude(\"effect.jl\")\nprintln(f())\n", "1 statements, to line 1"),
    script(
        "closures",
        "make(n) = x -> x + n\nfs = [make(i) for i in 1:3]\nprintln([f(1) for f in fs], typeof(fs[1]))\n",
        "to line 1",
    ),
    script(
        "quoted",
        "f(x) = x\n\nprintln(:(\n  a + b\n), \" \", f(@__LINE__), \"\"\"\n  text\n  \"\"\")\n",
        "to line 2",
    ),
    script(
        "packages",
        "using Clean\nf() = Clean.answer()\nprintln(f(), \" \", Clean.loaded_at != 0)\n",
        "evaluated 2 statements",
    ),
    // Which is not evaluated ahead, but what it loads is loaded.
    script(
        "module-of-more",
        "module Tool\nusing Base: sin\nusing Clean\n@eval f() = Clean.answer()\nend\nprintln(Tool.f(), \" \", Tool.Clean.loaded_at)\n",
        "loaded what its module loads first",
    ),
    script("prints", "using Prints\nprintln(1)\n", "loading it prints something"),
    script("environment", "using Sets\nprintln(ENV[\"SETS\"])\n", "loading it changes the environment: SETS=1"),
    script("temporary", "using Temporary\nprintln(isdir(Temporary.folder[]))\n", "loading it leaves temporary files"),
    script("hooks", "using Hooks\nprintln(1)\n", "loading it registers exit hooks"),
    script("random", "using Draws\nprintln(Draws.number[] > 0)\n", "loading it draws random numbers"),
    script(
        "computed",
        r#"const PLACE = joinpath(@__DIR__, "data", "x.csv")
const LIMITS = Dict("low" => -1, "high" => 2^10)
const RANGE = 1:2:9
const NAMED = (depth = 3, half = 1 / 2, text = "of $(length("four"))")
const TABLE = Dict("sin" => sin, "cos" => cos)
const GRID = Float64[1, 2]
cache = Dict{String,Vector{Int}}()
const LINE = "=" ^ 20
const SQUARE = x -> x^2
const LOCK = ReentrantLock()
f(x) = (push!(get!(cache, "a", Int[]), x); LIMITS["high"] + NAMED.depth + x)
println(PLACE, sort(collect(LIMITS)), RANGE, NAMED, TABLE["sin"](0.0), GRID, f(1), cache, LINE, SQUARE(3))
"#,
        "evaluated 11 statements, to line 11",
    ),
    script("told", "f() = 1\nconst NAME = basename(PROGRAM_FILE)\nprintln(NAME, f())\n", "1 statements, to line 1"),
    script(
        "of-the-process",
        "f() = 1\nconst HERE = joinpath(pwd(), \"a\")\nprintln(HERE, f())\n",
        "1 statements, to line 1",
    ),
    script(
        "library-macros",
        "using Test\ncheck() = @testset \"t\" begin\n    @test 1 + 1 == 2\nend\nprintln(length(check().results))\n",
        "evaluated 2 statements, to line 4",
    ),
    // What its launches had to compile names `Main.step`, which is Base's until the program defines it.
    script(
        "names-of-base",
        "struct Point\n    x::Int\nend\n\nprintln(length(ARGS))\nstep(p::Point) = p.x + 1\n\
         module Within\nfirst(x::Main.Point) = Main.step(x)\nend\nprintln(step(Point(1)), Within.first(Point(2)))\n",
        "evaluated 1 statements, to line 4",
    ),
    script("names-of-base-included", "struct Mine end\ninclude(\"shadow.jl\")\n", "evaluated 1 statements, to line 1"),
    script(
        "annotated",
        "@views function ends(x)\n    x[1:2]\nend\n@fastmath halve(x) = x / 2\n\n\
         println(ends([1, 2, 3]), halve(3.0), ends([1, 2]) isa SubArray)\n",
        "evaluated 2 statements, to line 5",
    ),
    script(
        "package-macros",
        r#"using Pkg
Pkg.activate(joinpath(@__DIR__, "env"))
pushfirst!(LOAD_PATH, "@")
using TimerOutputs
work() = @timeit "work" begin
    1 + 1
end

println(work())
"#,
        "evaluated 5 statements, to line 8, but 2 that every launch evaluates",
    ),
    script(
        "surroundings",
        r#"println("begins")
using Pkg; Pkg.activate(joinpath(@__DIR__, "env"))
pushfirst!(LOAD_PATH, "@")
push!(LOAD_PATH, joinpath(@__DIR__, "more"))
ENV["KEPT"] = "yes"
using Within, Beside
using Random
Random.seed!(1)
cd(joinpath(@__DIR__, "more"))
include(joinpath(@__DIR__, "part.jl"))
f(x) = Within.value() + Beside.value() + x

println(f(1), ' ', Base.active_project(), ' ', LOAD_PATH, ' ', pwd(), ' ', ENV["KEPT"])
println(Within.seen[], ' ', part(1), ' ', @__LINE__, ' ', rand(1:9) == (Random.seed!(1); rand(1:9)))
"#,
        "evaluated 11 statements, to line 12, but 7 that every launch evaluates",
    ),
    script(
        "here",
        "import Pkg\nPkg.activate(\"env\")\nf() = 1\nprintln(f(), Base.active_project())\n",
        "evaluated 3 statements, to line 3, but 1 that every launch evaluates",
    ),
    script("only-kept", "println(\"a\")\nENV[\"A\"] = \"b\"\nprintln(1)\n", "begins with something else"),
    // Constants and types may be defined anew from 1.12 on; `@main` there is from 1.11 on.
    script(
        "constants-anew",
        "const A = 1\nstruct S\n    x::Int\nend\nf() = A\nmake() = S(1)\nprintln(f(), make())\nconst A = 2\nprintln(f())\n\
         struct S\n    x::Int\n    y::Int\nend\nprintln(S(1, 2), f())\nmake()\n",
        "evaluated 4 statements, to line 6",
    ),
    script(
        "entry",
        "answer(n) = n + 1\nfunction (@main)(args)\n    println(\"main \", args)\n    answer(length(args))\nend\n",
        "evaluated",
    ),
    script(
        "ages",
        "f() = 1\ng() = h()\nfunction change()\n    @eval f() = 2\n    @eval const C = 3\n    now = try C catch e; typeof(e) end\n    \
         (f(), Base.invokelatest(f), now, isdefined(Main, :C))\nend\ntask = @task g()\n\
         println(change(), f(), C)\nh() = 7\nschedule(task)\nprintln(try fetch(task) catch e; typeof(e) end)\n",
        "evaluated 3 statements, to line 8",
    ),
    script(
        "late-names",
        "f() = inner()\ncount!() = global n += 1\nmodule M\nexport inner\ninner() = 5\nend\n\
         println(try f() catch e; sprint(showerror, e) end)\nusing .M\nn = 0\ncount!()\n\
         println(f(), n, @isdefined(m), isdefined(Main, :n), names(M))\nconst m = 1\ninner() = 6\nprintln(f())\n",
        "evaluated 3 statements, to line 6",
    ),
    script("broken", "f() = 1\nusing Broken\nprintln(f())\n", "as asked"),
    // From here on nothing, or not all, is definition; what has functions without names in it is lowered.
    script("functions-without-names", FUNCTIONS_WITHOUT_NAMES, "lowered 15 more, compiled 1 of them"),
    script(
        "error-in-one",
        "f(x) = x\n\nx = map(1:3) do a\n    f(a) > 2 ? error(\"as asked\") : a\nend\n",
        "evaluated 1 statements, to line 2, lowered 1 more",
    ),
    script(
        "ambiguous",
        "total = map(a -> a, [1])[1]\nfor i in 1:2\n    total = i\nend\nprintln(total, \" \", c -> c)\n",
        "lowered 2 more",
    ),
    // Compiling `f` would decide to Julia 1.11 that `step` is Base's.
    script(
        "defined-below",
        "f(x) = sum(step(i) for i in 1:x)\nprintln(length(ARGS))\nstep(x) = 5\nprintln(f(2), map(a -> step(a), [1]))\n",
        "evaluated 1 statements, to line 1",
    ),
    // What `T` is only the launch knows.
    script(
        "type-to-come",
        "T = length(ARGS) > 100 ? Float64 : Int\nx = map((a::T) -> a + 1, [1])\nprintln(x, \" \", b -> b, (c::Int) -> c)\n",
        "begins with something else",
    ),
    script(
        "ambiguous-inside",
        "total = map(a -> a, [1])[1]\nfor i in 1:2\n    total = map(a -> a, [i])[1]\nend\nprintln(total, \" \", c -> c)\n",
        "lowered 1 more",
    ),
    script(
        "makes-code",
        "println(1 + 1, a -> a)\neval(:(g = b -> b))\nprintln(g, c -> c)\n",
        "begins with something else",
    ),
    // Loops at top level are compiled ahead.
    script("loops", LOOPS, "evaluated 2 statements, to line 2, lowered 4 more, compiled 4 of them"),
    script("loops-of-globals", LOOPS_OF_GLOBALS, "evaluated 2 statements, to line 2, lowered 2 more"),
    script(
        "error-in-loop",
        "xs = [1, 0]\nf(x) = x == 0 ? error(\"as asked\") : x\n\nfor i in 1:2\n    println(i)\nend\nfor x in xs\n    println(f(x))\nend\n",
        "evaluated 2 statements, to line 3, lowered 2 more, compiled 2 of them",
    ),
    script(
        "error-in-compiled-loop",
        "f(x) = x == 0 ? error(\"as asked\") : x\nxs = [1, 0]\n\nfor x in xs\n    println(f(x))\nend\n",
        "evaluated 2 statements, to line 3, lowered 1 more, compiled 1 of them",
    ),
    script(
        "exit-in-loop",
        "for i in 1:3\n    i == 2 && exit(3)\n    println(i)\nend\n",
        "lowered 1 more, compiled 1 of them",
    ),
    script(
        "timed",
        "f(x) = x + 1\nxs = [1, 2]\nn = @elapsed f(1)\nm = @elapsed for x in xs\n    println(f(x))\nend\nprintln(n isa Float64, m > 0)\n\
         println(@allocated(for i in 1:2, j in 1:2\n    println(i, j)\nend) >= 0)\n",
        "evaluated 2 statements, to line 2, lowered 3 more, compiled",
    ),
    script(
        "name-as-in-base-of-a-function",
        "set() = (global count = 1; nothing)\nn = length(ARGS)\nset()\nfor i in 1:2\n    println(count + i)\nend\n",
        "evaluated 1 statements, to line 1",
    ),
    script(
        "name-as-in-base",
        "n = length(ARGS)\ncount = n - 2\nfor i in 1:3\n    global count += i\nend\nprintln(count, \" \", x -> x)\n",
        "lowered",
    ),
    // What is defined in between counts, too.
    script(
        "redefined-by-package",
        "using Defines\nf(x) = 1\nprintln(f(1))\nfor i in 1:2\n    println(f(i))\nend\nDefines.define(@__MODULE__)\n\
         for i in 1:2\n    println(f(i))\nend\n",
        "evaluated 2 statements, to line 2, lowered 3 more, compiled 2 of them",
    ),
    script(
        "redefined-below",
        "f(x) = 1\nfor i in 1:2\n    println(f(i))\nend\nf(x) = 2\nfor i in 1:2\n    println(f(i))\nend\n",
        "evaluated 1 statements, to line 1, lowered 1 more, compiled 1 of them",
    ),
    script(
        "constant-in-between",
        "n = length(ARGS)\nconst TOP = n + 1\nfor i in 1:TOP\n    println(i, TOP)\nend\nt::Int = 2\nfor i in 1:t\n    println(i)\nend\n",
        "begins with something else",
    ),
    // A global that is declared and not assigned shows in the error.
    script(
        "asked-before-assigned",
        "g() = later\ntry\n    g()\ncatch e\n    showerror(stdout, e)\n    println()\nend\nlater = 1\n\
         for i in 1:2\n    println(i + later)\nend\n",
        "evaluated 1 statements, to line 1, lowered 1 more, compiled 1 of them",
    ),
    script(
        "shadows-in-loop",
        "for i in 1:2\n    println(length(string(i)))\nend\nstep(x) = 5\nfor i in 1:2\n    println(step(i))\nend\n",
        "lowered 1 more",
    ),
];

const LOOPS: &str = r#"using Printf
xs = [3, 1, 2]
for x in xs
    y = x^2
    @printf("%d %.1f\n", x, y)
    x == 1 && continue
    println("value: ", x, " square: ", y)
end
counts = Dict{String,Int}()
for w in split("a b a c")
    counts[w] = get(counts, w, 0) + 1
    w == "c" && break
end
for (k, v) in sort(collect(counts)), i in 1:2
    @show k, v, i
end
while length(xs) > 1
    try
        pop!(xs) == 1 && error("one")
        println(xs)
    catch e
        println(sprint(showerror, e))
    end
end
"#;

const LOOPS_OF_GLOBALS: &str = r#"s = 0
i = 7
for i in 1:3
    t = i * 2
    global s += t
    while t > 0
        t -= 1
        t == 3 && continue
        t < 2 && break
    end
    print(t, ' ')
end
println(s, i)
k = 10
for i in 1:2
    k = i
    println(k)
end
println(k)
while i > 5
    global i -= 1
    println(i, @isdefined(t), @isdefined(z))
end
z = 1
"#;

const FUNCTIONS_WITHOUT_NAMES: &str = r#"x = map(a -> a^2 + 1, 1:10)
println(sum(x))
y = [i * 2 for i in 1:30 if i > 3]
println(filter(v -> v % 3 == 0, y), " ", v -> v)
d = Dict(string(k) => k for k in 1:5)
g = (a::Int; k::Int = 1) -> a + k
println(g(1), " ", g(1, k = 3), " ", g)
z = sort(collect(d), by = p -> p[2], rev = true)
open(@__FILE__) do io
    println(length(readline(io)))
end
h = map(1:3) do i
    j = i + 1
    map(k -> k * j, 1:2)
end
println(h, " ", [(a, b) for a in 1:2 for b in 1:2])
for i in 1:3
    println(i, z[i])
end
plain(x) = x + 1
println(plain(1), " ", e -> e)
@show map(a -> a + 1, [1])
t = @async map(a -> a, [2])
println(fetch(t), " ", a -> a)
for (k, v) in sort(collect(d), by = p -> p[2])
    println(k, " ", v)
end
later(x) = map(e -> e + x, [1])
println(later(1), " ", e -> e)
"#;
