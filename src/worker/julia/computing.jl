# Values that nothing but their own text and file is needed for: literals, collections of them, and calls of functions of Base's that
# only compute. Whatever may depend on the process, its folder or its environment, on time or on chance, is not among them.

is_literal(x) = x isa Union{Number,String,Char,QuoteNode} && !(x isa QuoteNode && !(x.value isa Symbol))

# `NAME = value`, with a value that needs nothing to be run.
function defines_value(x::Expr, scope::Scope)
    name, value = x.args
    if name isa Expr && name.head === :curly                           # const Name{T} = …
        free = Symbol[]
        return name.args[1] isa Symbol && all(arg -> takes_parameter!(free, arg, scope), name.args[2:end]) &&
               is_type(value, scope, free) && note_type(scope, name.args[1])
    end
    name isa Symbol || return false
    is_type(value, scope, Symbol[]) ? note_type(scope, name) : is_value(value, scope)
end

is_value(x, ::Scope) = is_literal(x)
is_value(x::Symbol, scope::Scope) = x !== :PROGRAM_FILE && (found = meaning(x, scope); found isa Some && something(found) isa PLAIN_VALUE)
function is_value(x::Expr, scope::Scope)
    head, args = x.head, x.args
    if head === :tuple
        return all(arg -> is_tuple_part(arg, scope), args)
    elseif head in (:vect, :vcat, :hcat, :row, :string)
        return all(arg -> is_value(arg, scope), args)
    elseif head === :ref                                               # T[], T[1, 2]
        return is_type(args[1], scope, Symbol[]) && all(arg -> is_value(arg, scope), args[2:end])
    elseif head === :call
        return is_computed(x, scope)
    elseif head === :->
        return is_nameless(x, scope)
    elseif head === :macrocall
        return is_known_macro(x, scope, VALUE_MACROS) && all(arg -> arg isa Union{LineNumberNode,String,Nothing}, args[2:end])
    end
    false
end

# `x -> …`, `(x, y) -> …`.
function is_nameless(x::Expr, scope::Scope)
    arguments = x.args[1] isa Expr && x.args[1].head === :tuple ? x.args[1].args : Any[x.args[1]]
    all(arg -> is_argument(arg, scope, Symbol[]), arguments) && is_inert(x.args[2], scope)
end

# ---- calls ----

const COMPUTING = Any[
    +, -, *, /, \, ÷, //, %, ^, !, ==, !=, <, <=, >, >=, &, |, <<, >>, =>, :, sqrt, cbrt, exp, exp2, exp10, log, log2, log10,
    log1p, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, abs, abs2, sign, min, max, round, floor, ceil, trunc, div, mod,
    rem, fld, cld, gcd, lcm, hypot, deg2rad, rad2deg, float, zero, one, typemin, typemax, eps, length, first, last, isempty,
    string, lowercase, uppercase, strip, lstrip, rstrip, chomp, split, join, replace, joinpath, dirname, basename, splitext,
    normpath,
]

# Types that can be made of values.
const COMPUTED = Any[
    Dict, Set, Ref, Pair, Regex, VersionNumber, String, Symbol, Char, Bool, Int8, Int16, Int32, Int64, Int128, UInt8, UInt16,
    UInt32, UInt64, UInt128, Float16, Float32, Float64, Rational, Complex, ReentrantLock, Threads.Atomic,
]

# A greater power of a text would fill the memory of a process that nobody has asked for yet.
const GREATEST_POWER = 1000

function is_computed(x::Expr, scope::Scope)
    f, arguments = x.args[1], x.args[2:end]
    is_small = f !== :^ || length(arguments) == 2 && arguments[2] isa Integer && abs(arguments[2]) <= GREATEST_POWER
    is_small && computes(f, arguments, scope) && all(argument -> is_operand(argument, scope), arguments)
end

function computes(f, arguments, scope::Scope)
    if f isa Expr && f.head === :curly                                 # Dict{K,V}(…), Vector{T}()
        is_type(f, scope, Symbol[]) || return false
        found = meaning(f.args[1], scope)
        return found isa Some && (is_one_of(COMPUTED, found) || isempty(arguments) && is_one_of((Array, Vector), found))
    end
    f isa Symbol && f in scope.names && return false
    found = meaning(f, scope)
    found isa Some && (is_one_of(COMPUTING, found) || is_one_of(COMPUTED, found) || is_seeded(something(found), arguments))
end

is_one_of(list, found::Some) = any(item -> item === something(found), list)

# MersenneTwister(1)
is_seeded(f, arguments) = f isa Type && nameof(f) in (:MersenneTwister, :Xoshiro) && nameof(parentmodule(f)) === :Random &&
                          length(arguments) == 1 && arguments[1] isa Integer

is_operand(x, scope::Scope) = is_value(x, scope) || is_type(x, scope, Symbol[])
function is_operand(x::Expr, scope::Scope)
    x.head === :parameters && return all(part -> is_operand(part, scope), x.args)
    x.head === :kw ? is_value(x.args[2], scope) : is_value(x, scope) || is_type(x, scope, Symbol[])
end

# `(a, b)`, `(a = 1,)`, `(; a = 1)`.
is_tuple_part(x, scope::Scope) = is_value(x, scope)
function is_tuple_part(x::Expr, scope::Scope)
    x.head === :parameters && return all(part -> is_tuple_part(part, scope), x.args)
    x.head in (:(=), :kw) ? x.args[1] isa Symbol && is_value(x.args[2], scope) : is_value(x, scope)
end

# What a name may stand for in a value.
const PLAIN_VALUE = Union{Number,Nothing,Missing,String,Symbol,Char,Regex,VersionNumber,AbstractRange,Function,Module}
