# Which top-level statements only define or import, so that evaluating them before a launch cannot be told from evaluating them
# in it. Decided from the parsed expression and from what names mean where it stands; what is not known here is not evaluated.

# Where a statement stands.
struct Scope
    mod::Union{Module,Nothing}              # nothing: inside a module that is not there yet
    types::Set{Symbol}                      # defined by statements of the same module that have not been evaluated
    names::Set{Symbol}                      # macros and functions likewise
    folder::String                          # what it includes is relative to this
end
Scope(mod::Union{Module,Nothing}, folder::String) = Scope(mod, Set{Symbol}(), Set{Symbol}(), folder)

only_defines(::LineNumberNode, ::Scope) = true
only_defines(::Nothing, ::Scope) = true
only_defines(x, ::Scope) = is_literal(x)

function only_defines(x::Expr, scope::Scope)
    head, args = x.head, x.args
    if head === :block || head === :toplevel
        return all(arg -> only_defines(arg, scope), args)
    elseif head in (:using, :import)
        scope.mod === nothing && foreach(arg -> note_imported(scope, arg), args)
        return true
    elseif head in (:export, :public)
        return true
    elseif head === :const
        return length(args) == 1 && args[1] isa Expr && args[1].head === :(=) && defines_value(args[1], scope)
    elseif head === :(=)
        return is_signature_of_method(args[1]) ? defines_method(args[1], args[2], scope) : defines_value(x, scope)
    elseif head === :function
        return length(args) == 1 ? args[1] isa Symbol && note_name(scope, args[1]) : defines_method(args[1], args[2], scope)
    elseif head === :macro
        return length(args) == 2 && args[1] isa Expr && note_name(scope, Symbol("@", args[1].args[1])) &&
               defines_method(args[1], args[2], scope)
    elseif head in (:struct, :abstract, :primitive)
        return defines_type(x, scope)
    elseif head === :module
        return args[1] === true && defines_module(args[3], scope)
    elseif head === :macrocall
        return is_defining_macro(x, scope)
    elseif head === :call
        return is_include(x, scope) && file_defines(included_path(args[2], scope), scope)
    end
    false
end

is_include(x::Expr, scope::Scope) =
    length(x.args) == 2 && x.args[1] === :include && is_value(x.args[2], scope) && !(:include in scope.names)

included_path(x, scope::Scope) = normpath(joinpath(scope.folder, string(Core.eval(scope.mod === nothing ? Base : scope.mod, x))))

# All statements of a file, or none.
function file_defines(path::String, scope::Scope)
    isfile(path) || return false
    there = Scope(scope.mod, scope.types, scope.names, dirname(path))
    all(statement -> only_defines(statement, there), statements(read(path, String), path))
end

# The statements of a text with the numbers of their lines in between, as `include` evaluates them.
function statements(text::String, path::String)
    parsed = isdefined(Meta, :parseall) ? Meta.parseall(text, filename = path) : Base.parse_input_line(text, filename = path)
    parsed isa Expr && parsed.head === :toplevel ? parsed.args : Any[parsed]
end

# ---- values ----

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

# ---- names ----

note_name(scope::Scope, name::Symbol) = (push!(scope.names, name); true)
note_type(scope::Scope, name::Symbol) = (push!(scope.types, name); true)

# `using A: b, c as d`: in a module that is not there yet these names mean something that cannot be told.
note_imported(::Scope, x) = nothing
function note_imported(scope::Scope, x::Expr)
    x.head === :(:) && return foreach(arg -> note_last(scope, arg), x.args[2:end])
    nothing
end
note_last(scope::Scope, x) = x isa Symbol ? note_name(scope, x) : x isa Expr ? note_last(scope, x.args[end]) : nothing

# What a name means here, or `nothing` where that cannot be told.
function meaning(name::Symbol, scope::Scope)
    (name in scope.names || name in scope.types) && scope.mod === nothing && return nothing
    for m in (scope.mod === nothing ? (Base, Core) : (scope.mod,))
        isdefined(m, name) && return Some(getfield(m, name))
    end
    nothing
end

# `A.b` where A is a module.
function meaning(x::Expr, scope::Scope)
    x.head === :(.) && length(x.args) == 2 && x.args[2] isa QuoteNode && x.args[2].value isa Symbol || return nothing
    outer = meaning(x.args[1], scope)
    outer isa Some && something(outer) isa Module || return nothing
    isdefined(something(outer), x.args[2].value) ? Some(getfield(something(outer), x.args[2].value)) : nothing
end
meaning(x::GlobalRef, ::Scope) = isdefined(x.mod, x.name) ? Some(getfield(x.mod, x.name)) : nothing
meaning(x, ::Scope) = nothing

means(x, value, scope::Scope) = (found = meaning(x, scope); found isa Some && something(found) === value)

# ---- types ----

# A type that is written down, with `free` as the names of its parameters.
is_type(x::Symbol, scope::Scope, free::Vector{Symbol}) =
    x in free || x in scope.types || (found = meaning(x, scope); found isa Some && something(found) isa Type)
is_type(x, ::Scope, ::Vector{Symbol}) = false
function is_type(x::Expr, scope::Scope, free::Vector{Symbol})
    head, args = x.head, x.args
    if head === :curly
        return is_type(args[1], scope, free) && all(arg -> is_parameter(arg, scope, free), args[2:end])
    elseif head === :where
        inner = copy(free)
        return all(arg -> takes_parameter!(inner, arg, scope), args[2:end]) && is_type(args[1], scope, inner)
    elseif head === :(.)
        found = meaning(x, scope)
        return found isa Some && something(found) isa Type
    elseif head === :call
        return length(args) == 2 && means(args[1], typeof, scope) && is_known_function(args[2], scope)
    end
    false
end

is_known_function(x, scope::Scope) = x in scope.names || (found = meaning(x, scope); found isa Some && something(found) isa Function)

# Between braces.
function is_parameter(x, scope::Scope, free::Vector{Symbol})
    x isa Union{Int,Bool,Char} && return true
    x isa QuoteNode && return x.value isa Symbol
    x isa Expr && x.head in (:(<:), :(>:)) && return length(x.args) == 1 && is_type(x.args[1], scope, free)
    is_type(x, scope, free)
end

# One parameter: `T`, `T<:A`, `A<:T<:B`.
function takes_parameter!(free::Vector{Symbol}, x, scope::Scope)
    x isa Symbol && (push!(free, x); return true)
    x isa Expr || return false
    if x.head in (:(<:), :(>:)) && length(x.args) == 2 && x.args[1] isa Symbol
        is_type(x.args[2], scope, free) || return false
        push!(free, x.args[1])
        return true
    elseif x.head === :comparison && length(x.args) == 5 && x.args[3] isa Symbol
        is_type(x.args[1], scope, free) && is_type(x.args[5], scope, free) || return false
        push!(free, x.args[3])
        return true
    end
    false
end

function defines_type(x::Expr, scope::Scope)
    head = x.head === :struct ? x.args[2] : x.args[1]
    super = nothing
    if head isa Expr && head.head === :(<:)
        head, super = head.args
    end
    name = head isa Expr && head.head === :curly ? head.args[1] : head
    name isa Symbol || return false
    free = Symbol[]
    head isa Expr && !all(arg -> takes_parameter!(free, arg, scope), head.args[2:end]) && return false
    super === nothing || is_type(super, scope, free) || return false
    note_type(scope, name)                                             # fields and constructors may name it
    x.head === :struct || return true
    all(field -> is_field(field, scope, free), x.args[3].args)
end

function is_field(x, scope::Scope, free::Vector{Symbol})
    x isa Union{Symbol,LineNumberNode,String} && return true
    x isa Expr || return false
    x.head === :const && return is_field(x.args[1], scope, free)
    x.head === :(::) && return x.args[1] isa Symbol && is_type(x.args[2], scope, free)
    x.head === :function && length(x.args) == 2 && return defines_method(x.args[1], x.args[2], scope, free)
    x.head === :(=) && is_signature_of_method(x.args[1]) && defines_method(x.args[1], x.args[2], scope, free)
end

# ---- methods ----

# Whether `x = …` defines a method.
function is_signature_of_method(x)
    x isa Expr || return false
    x.head === :call && return true
    x.head in (:where, :(::)) && is_signature_of_method(x.args[1])
end

function defines_method(signature, body, scope::Scope, free::Vector{Symbol} = Symbol[])
    free = copy(free)
    while signature isa Expr && signature.head in (:where, :(::))
        signature.head === :where && (all(arg -> takes_parameter!(free, arg, scope), signature.args[2:end]) || return false)
        length(signature.args) >= 2 && signature.head === :(::) && !is_inert(signature.args[2], scope) && return false
        signature = signature.args[1]
    end
    signature isa Expr && signature.head === :call || return false
    names_function(signature.args[1], scope, free) || return false
    all(arg -> is_argument(arg, scope, free), signature.args[2:end]) && is_inert(body, scope)
end

# What is in front of the parentheses.
function names_function(x, scope::Scope, free::Vector{Symbol})
    if x isa Symbol
        x === :__init__ && return false
        return note_name(scope, x)
    end
    x isa Expr || return false
    x.head === :(.) && return (found = meaning(x, scope); found isa Some && something(found) isa Union{Function,Type})
    x.head === :(::) && return is_type(x.args[end], scope, free)       # (f::T)(x)
    x.head === :curly && return is_type(x, scope, free)
    x.head === :macrocall && is_known_macro(x, scope, (Symbol("@main"),))
end

function is_argument(x, scope::Scope, free::Vector{Symbol})
    x isa Symbol && return true
    x isa Expr || return false
    head, args = x.head, x.args
    if head === :parameters || head === :tuple
        return all(arg -> is_argument(arg, scope, free), args)
    elseif head === :kw
        return is_argument(args[1], scope, free) && is_inert(args[2], scope)
    elseif head === :(...)
        return is_argument(args[1], scope, free)
    elseif head === :(::)
        return (length(args) == 1 || args[1] isa Symbol) && is_type(args[end], scope, free)
    elseif head === :macrocall
        return is_known_macro(x, scope, (Symbol("@nospecialize"),)) && is_argument(args[end], scope, free)
    end
    false
end

# The body of a method is not run, but its macros are.
is_inert(x, ::Scope) = true
is_inert(x::Expr, scope::Scope) =
    x.head in (:module, :toplevel) ? false :
    x.head === :macrocall ? (is_known_macro(x, scope, BODY_MACROS) || is_package_macro(x, scope)) &&
                            all(arg -> is_inert(arg, scope), x.args[3:end]) :
    all(arg -> is_inert(arg, scope), x.args)

# ---- macros ----

const STRING_MACROS = map(name -> Symbol("@", name, "_str"), (:r, :raw, :b, :v, :s, :big, :int128, :uint128))
const VALUE_MACROS = (STRING_MACROS..., Symbol("@__DIR__"), Symbol("@__FILE__"))
const BODY_MACROS = (STRING_MACROS..., map(name -> Symbol("@", name), (
    :cmd, :__DIR__, :__FILE__, :__LINE__, :__MODULE__, :__dot__, Symbol("."), :allocated, :assert, :async, :boundscheck,
    :debug, :doc, :elapsed, :error, :eval, :evalpoly, :fastmath, :goto, :inbounds, :info, :inline, :invoke, :invokelatest,
    :isdefined, :label, :lock, :logmsg, :noinline, :nospecialize, :printf, :propagate_inbounds, :show, :simd, :something,
    :coalesce, :specialize, :spawn, :sprintf, :sync, :task, :threads, :time, :timed, :view, :views, :warn,
    :gensym))...)

# A call of a macro of Julia's own that has one of these names.
function is_known_macro(x::Expr, scope::Scope, known)
    name = x.args[1]
    name isa Symbol && name in scope.names && return false
    found = meaning(name, scope)
    found isa Some && something(found) isa Function || return false
    macro_function = something(found)
    nameof(macro_function) in known && Base.moduleroot(parentmodule(macro_function)) in known_roots()
end

# Macros of packages that many programs use, and that make code of their arguments and nothing else: package, its UUID, macros. Those
# of StaticArrays evaluate the ranges of a comprehension.
const PACKAGE_MACROS = map(((package, names),) -> package => map(name -> Symbol("@", name), names), (
    ("ArgParse", "c7e460c6-2fb9-53a9-8c5b-16f535851c63") => (:add_arg_table, :add_arg_table!),
    ("BenchmarkTools", "6e4b80f9-dd63-53aa-95a3-0cdb28fa8baf") => (:ballocated, :belapsed, :benchmark, :benchmarkable, :btime),
    ("Chain", "8be319e6-bccf-4806-a6f7-6fae938471bc") => (:chain,),
    ("Dates", "ade2ca70-3891-5945-98fb-dc099432e06a") => (:dateformat_str,),
    ("Distributed", "8ba89e20-285c-5b6f-9357-94700520ee1b") => (:distributed, :everywhere, :fetch, :fetchfrom, :spawnat),
    ("MacroTools", "1914dd2f-81c6-5fcd-8719-6d5c9610ff09") => (:capture,),
    ("ProgressMeter", "92933f4c-e287-5a05-a399-4b506db050ca") => (:showprogress,),
    ("StaticArrays", "90137ffa-7385-5640-81b9-e52037218182") => (:MArray, :MMatrix, :MVector, :SArray, :SMatrix, :SVector),
    ("Test", "8dfed614-e22c-5e08-85e1-65c5234f0b40") =>
        (:inferred, :test, :test_broken, :test_deprecated, :test_logs, :test_nowarn, :test_skip, :test_throws, :test_warn, :testset),
    ("UnPack", "3a884ed6-31ef-47d7-9d2a-63182c4928ed") => (:pack!, :unpack)))

function is_package_macro(x::Expr, scope::Scope)
    name = x.args[1]
    name isa Symbol && name in scope.names && return false
    found = meaning(name, scope)
    found isa Some && something(found) isa Function || return false
    id = Base.PkgId(Base.moduleroot(parentmodule(something(found))))
    is_in((package, names)) = package == (id.name, string(id.uuid)) && nameof(something(found)) in names
    any(is_in, PACKAGE_MACROS) && !(id.name == "StaticArrays" && any(is_comprehension, x.args[3:end]))
end

is_comprehension(x) = x isa Expr && x.head in (:comprehension, :typed_comprehension)

known_roots() = vcat([Base, Core], filter(m -> nameof(m) in (:Printf, :Logging, :Markdown), collect(values(Base.loaded_modules))))

# At top level: what only annotates a definition, or defines by itself.
function is_defining_macro(x::Expr, scope::Scope)
    name, args = x.args[1], x.args[3:end]
    if is_known_macro(x, scope, (Symbol("@doc"),))
        return length(args) == 2 && args[1] isa String && (args[2] isa Symbol || only_defines(args[2], scope))
    elseif is_known_macro(x, scope, map(n -> Symbol("@", n), (:inline, :noinline, :propagate_inbounds)))
        return length(args) == 1 && args[1] isa Expr && only_defines(args[1], scope)
    elseif is_known_macro(x, scope, (Symbol("@enum"),))
        return defines_enum(args, scope)
    elseif is_known_macro(x, scope, (Symbol("@kwdef"),))
        return length(args) == 1 && args[1] isa Expr && args[1].head === :struct && defines_type(without_defaults(args[1], scope), scope)
    end
    is_value(x, scope)
end

# `@enum Name a b=2` or `@enum Name::T begin … end`.
function defines_enum(args, scope::Scope)
    isempty(args) && return false
    name = args[1] isa Expr && args[1].head === :(::) && is_type(args[1].args[2], scope, Symbol[]) ? args[1].args[1] : args[1]
    name isa Symbol || return false
    members = length(args) == 2 && args[2] isa Expr && args[2].head === :block ? args[2].args : args[2:end]
    is_member(m) = m isa Union{Symbol,LineNumberNode} || (m isa Expr && m.head === :(=) && m.args[1] isa Symbol && m.args[2] isa Integer)
    all(is_member, members) && note_type(scope, name)
end

# The same struct without the defaults of its fields, which are evaluated when it is constructed. A default with a macro of its
# own stays, and no struct has such a field.
function without_defaults(x::Expr, scope::Scope)
    plain(field) = field isa Expr && field.head === :(=) && !is_signature_of_method(field.args[1]) && is_inert(field.args[2], scope) ?
                   field.args[1] : field
    Expr(:struct, x.args[1], x.args[2], Expr(:block, map(plain, x.args[3].args)...))
end

# ---- modules ----

# A module whose statements do, too. `__init__` would be run at its end.
function defines_module(body::Expr, scope::Scope)
    inner = Scope(nothing, scope.folder)
    all(statement -> !has_relative_use(statement) && only_defines(statement, inner), body.args)
end

# `using .A` inside a module that is not there yet: what it brings cannot be told.
has_relative_use(x) = x isa Expr && x.head === :using && any(names_relative, x.args)
names_relative(x) = x isa Expr && (x.head === :(.) ? x.args[1] === :(.) : !isempty(x.args) && names_relative(x.args[1]))

# ---- packages ----

# The packages that a statement loads first of all: `using A, B: c`, `import A.B as C`.
packages_of(x) = Symbol[]
function packages_of(x::Expr)
    x.head in (:using, :import) || return Symbol[]
    found = Symbol[]
    for path in x.args
        while path isa Expr && path.head in (:(:), :as)
            path = path.args[1]
        end
        path isa Expr && path.head === :(.) && path.args[1] isa Symbol && path.args[1] !== :(.) && push!(found, path.args[1])
    end
    found
end
