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
    is_to_come(name, scope) && return nothing
    for m in (scope.mod === nothing ? (Base, Core) : (scope.mod,))
        isdefined(m, name) && return Some(getfield(m, name))
    end
    nothing
end

# Whether a statement that has not been evaluated defines it. To 1.11 looking it up would bind it to what `using` brings, and the
# definition would fail.
is_to_come(name::Symbol, scope::Scope) = (name in scope.names || name in scope.types) &&
    (scope.mod === nothing || !(name in names(scope.mod, all = true, imported = true)))

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
